// Reads a SQL statement into functions that carry it out: the part of SQLite's language that the
// worker's statements are written in. Anything else is a SyntaxError that quotes it, never a guess.
//
// An expression becomes `(scope) => value`. A scope has the row, the bound values, for an aggregate
// the rows of its group, for an upsert the row that was `excluded`, and for a subquery the scope
// around it. Values are as in the Workers runtime: null, numbers, strings.

const TOKEN =
  /\s*(?:--[^\n]*\s*)*(?:([A-Za-z_][A-Za-z0-9_]*)|"([^"]*)"|(\d+(?:\.\d+)?)|'((?:[^']|'')*)'|\?(\d*)|(<>|!=|<=|>=|==|\|\||[-=<>(),.*+/%;]))/y;

const AGGREGATES = {
  count: (values, rows) => (values ? values.filter((value) => value !== null).length : rows.length),
  sum: (values) => some(values, (all) => all.reduce((sum, value) => sum + value, 0)),
  total: (values) => values.reduce((sum, value) => sum + (value ?? 0), 0),
  min: (values) => some(values, (all) => all.reduce((least, value) => (value < least ? value : least))),
  max: (values) => some(values, (all) => all.reduce((most, value) => (value > most ? value : most))),
};

const FUNCTIONS = {
  abs: (value) => value && Math.abs(value),
  coalesce: (...values) => values.find((value) => value !== null) ?? null,
  ifnull: (value, other) => value ?? other,
  length: (value) => value && [...String(value)].length,
  max: (...values) => (values.includes(null) ? null : Math.max(...values)),
  min: (...values) => (values.includes(null) ? null : Math.min(...values)),
  nullif: (value, other) => (value === other ? null : value),
};

const COMPARISONS = {
  "=": (left, right) => left === right,
  "==": (left, right) => left === right,
  "<>": (left, right) => left !== right,
  "!=": (left, right) => left !== right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

const ARITHMETIC = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "||": (left, right) => `${left}${right}`,
  "*": (left, right) => left * right,
  // Whole numbers, as all of ours are.
  "/": (left, right) => (right === 0 ? null : Math.trunc(left / right)),
  "%": (left, right) => (right === 0 ? null : left % right),
};

function some(values, of) {
  const present = values.filter((value) => value !== null);
  return present.length === 0 ? null : of(present);
}

const isTrue = (value) => value !== null && value !== 0;
const truth = (value) => (value === null ? null : Number(value));

/** One statement, read from its start. `database.js` says what it is made into. */
export class Reader {
  #text;
  #at = 0;
  #token;
  #bound = 0;
  /** Whether an aggregate was read since this was last set. */
  aggregated = false;

  constructor(text) {
    this.#text = text;
    this.#next();
  }

  #next() {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    if (!found) {
      if (this.#text.slice(this.#at).trim() !== "") this.fail();
      this.#token = { kind: "end" };
      return;
    }
    this.#at = TOKEN.lastIndex;
    const [, word, name, number, string, place, sign] = found;
    if (word !== undefined) this.#token = { kind: "word", word: word.toLowerCase() };
    else if (name !== undefined) this.#token = { kind: "name", word: name };
    else if (number !== undefined) this.#token = { kind: "value", value: Number(number) };
    else if (string !== undefined) this.#token = { kind: "value", value: string.replaceAll("''", "'") };
    else if (place !== undefined) this.#token = { kind: "place", place };
    else this.#token = { kind: "sign", word: sign };
  }

  fail() {
    throw new SyntaxError(`edge-credits/testing does not know this SQL: ${this.#text} (near ${this.#at})`);
  }

  /** Takes a word or sign if it is next. */
  take(word) {
    const found = this.#token.kind !== "value" && this.#token.word === word;
    if (found) this.#next();
    return found;
  }

  /** Takes all of these words if the first is next. */
  takeAll(first, ...rest) {
    if (!this.take(first)) return false;
    rest.forEach((word) => this.need(word));
    return true;
  }

  need(word) {
    if (!this.take(word)) this.fail();
  }

  name() {
    const { kind, word } = this.#token;
    if (kind !== "word" && kind !== "name") this.fail();
    this.#next();
    return word;
  }

  get atEnd() {
    return this.#token.kind === "end";
  }

  /** Whatever comes next, for what need not be understood. */
  skip() {
    if (this.atEnd) this.fail();
    this.#next();
  }

  list(item) {
    const items = [item()];
    while (this.take(",")) items.push(item());
    return items;
  }

  inParentheses(content) {
    this.need("(");
    const read = content();
    this.need(")");
    return read;
  }

  expression() {
    let left = this.#conjunction();
    while (this.take("or")) {
      const [one, other] = [left, this.#conjunction()];
      left = (scope) => Number(isTrue(one(scope)) || isTrue(other(scope)));
    }
    return left;
  }

  #conjunction() {
    const parts = [this.#negation()];
    while (this.take("and")) parts.push(this.#negation());
    if (parts.length === 1) return parts[0];
    const all = (scope) => Number(parts.every((part) => isTrue(part(scope))));
    // What `database.js` looks rows up by.
    all.equals = parts.find((part) => part.equals)?.equals;
    return all;
  }

  #negation() {
    if (!this.take("not")) return this.#comparison();
    const inner = this.#negation();
    return (scope) => truth(inner(scope) === null ? null : !isTrue(inner(scope)));
  }

  #comparison() {
    const left = this.#sum();
    const sign = Object.keys(COMPARISONS).find((each) => this.take(each));
    if (sign) return this.#compared(left, sign);
    if (this.take("is")) {
      const not = this.take("not");
      const right = this.#sum();
      return (scope) => Number((left(scope) === right(scope)) !== not);
    }
    const not = this.take("not");
    const test = this.take("in") ? this.#membership(left) : this.take("between") ? this.#range(left) : undefined;
    if (!test) return not ? this.fail() : left;
    return not ? (scope) => truth(test(scope) === null ? null : !test(scope)) : test;
  }

  #compared(left, sign) {
    const right = this.#sum();
    const compare = COMPARISONS[sign];
    const test = (scope) => {
      const [one, other] = [left(scope), right(scope)];
      return one === null || other === null ? null : Number(compare(one, other));
    };
    if (sign === "=" && left.column) test.equals = { column: left.column, value: right };
    return test;
  }

  #membership(left) {
    const inner = this.inParentheses(() => {
      if (this.take("select")) return this.subquery();
      const values = this.list(() => this.expression());
      return (scope) => values.map((value) => [value(scope)]);
    });
    const test = (scope) => {
      const value = left(scope);
      return value === null ? null : Number(inner(scope).some(([each]) => each === value));
    };
    if (left.column) test.equals = { column: left.column, among: inner };
    return test;
  }

  #range(left) {
    const low = this.#sum();
    this.need("and");
    const high = this.#sum();
    return (scope) => {
      const values = [low(scope), left(scope), high(scope)];
      return values.includes(null) ? null : Number(values[0] <= values[1] && values[1] <= values[2]);
    };
  }

  #sum() {
    return this.#operations(["+", "-", "||"], () => this.#operations(["*", "/", "%"], () => this.#single()));
  }

  #operations(signs, operand) {
    let left = operand();
    for (;;) {
      const sign = signs.find((each) => this.take(each));
      if (!sign) return left;
      const [one, other] = [left, operand()];
      left = (scope) => {
        const values = [one(scope), other(scope)];
        return values.includes(null) ? null : ARITHMETIC[sign](...values);
      };
    }
  }

  #single() {
    const token = this.#token;
    if (this.take("-")) {
      const inner = this.#single();
      return (scope) => (inner(scope) === null ? null : -inner(scope));
    }
    if (this.take("(")) return this.#enclosed();
    this.#next();
    if (token.kind === "value") return () => token.value;
    if (token.kind === "place") {
      const index = token.place === "" ? this.#bound++ : Number(token.place) - 1;
      return ({ values }) => values[index];
    }
    if (token.kind !== "word" && token.kind !== "name") return this.fail();
    return this.#named(token.word);
  }

  #enclosed() {
    const inner = this.take("select") ? firstOf(this.subquery()) : this.expression();
    this.need(")");
    return inner;
  }

  #named(word) {
    if (word === "null") return () => null;
    if (word === "cast") return this.#cast();
    if (word === "case") return this.#cases();
    if (word === "exists") {
      const inner = this.inParentheses(() => (this.need("select"), this.subquery()));
      return (scope) => Number(inner(scope).length > 0);
    }
    if (this.take("(")) return this.#called(word);
    const column = this.take(".") ? this.name() : word;
    const excluded = column !== word && word === "excluded";
    const read = (scope) => {
      for (let at = scope; at; at = at.outer) {
        const row = excluded ? at.excluded : at.row;
        if (row && column in row) return row[column];
      }
      return this.fail();
    };
    return Object.assign(read, excluded ? {} : { column });
  }

  #cast() {
    return this.inParentheses(() => {
      const inner = this.expression();
      this.need("as");
      const number = this.name() !== "text";
      return (scope) => (inner(scope) === null ? null : number ? Math.trunc(Number(inner(scope))) : String(inner(scope)));
    });
  }

  #cases() {
    const branches = [];
    while (this.take("when")) {
      const condition = this.expression();
      this.need("then");
      branches.push([condition, this.expression()]);
    }
    const other = this.take("else") ? this.expression() : () => null;
    this.need("end");
    return (scope) => (branches.find(([condition]) => isTrue(condition(scope)))?.[1] ?? other)(scope);
  }

  #called(name) {
    const all = this.take("*");
    const given = all || this.take(")") ? [] : this.list(() => this.expression());
    if (all || given.length > 0) this.need(")");
    const single = given.length === 1 || (all && name === "count");
    if (single && Object.hasOwn(AGGREGATES, name)) {
      this.aggregated = true;
      const [inner] = given;
      return (scope) => {
        const values = inner && scope.group.map((row) => inner({ ...scope, row }));
        return AGGREGATES[name](values, scope.group);
      };
    }
    if (!Object.hasOwn(FUNCTIONS, name)) return this.fail();
    return (scope) => FUNCTIONS[name](...given.map((value) => value(scope)));
  }
}

function firstOf(query) {
  return (scope) => query(scope)[0]?.[0] ?? null;
}
