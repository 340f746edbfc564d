// A database in memory, one per object: the tables that the worker makes for itself and the statements
// by which it reads and writes them, with rollback.
//
// It has no indexes but those that make a row unique, and does not judge CHECK and REFERENCES: they
// guard a deployment's disk against faults that a test in memory does not have.

import { Reader } from "./sql_reading.js";

/** Statements as they were read; the worker has some dozens. */
const read = new Map();

export class Database {
  #tables = new Map();
  /** How to undo what the open transaction has done, newest last. */
  #undo = [];

  constructor() {
    this.#tables.set("sqlite_master", new Table("sqlite_master", ["type", "name"], []));
  }

  /** @returns {{rows: any[][], written: number}} */
  run(sql, values) {
    if (!read.has(sql)) read.set(sql, statement(new StatementReader(sql)));
    return read.get(sql)(this, { values });
  }

  /** Runs `work`; what it throws undoes what it did. */
  transaction(work) {
    const start = this.#undo.length;
    try {
      return work();
    } catch (error) {
      while (this.#undo.length > start) this.#undo.pop()();
      throw error;
    } finally {
      if (start === 0) this.#undo.length = 0;
    }
  }

  table(name) {
    const table = this.#tables.get(name);
    if (!table) throw new Error(`no such table: ${name}`);
    return table;
  }

  has(name) {
    return this.#tables.has(name);
  }

  create(table) {
    this.#tables.set(table.name, table);
    const made = { type: "table", name: table.name };
    this.table("sqlite_master").add(made);
    this.undoable(() => {
      this.#tables.delete(table.name);
      this.table("sqlite_master").remove(made);
    });
  }

  drop(name) {
    const table = this.table(name);
    const master = this.table("sqlite_master");
    const made = [...master.rows].find((row) => row.name === name);
    this.#tables.delete(name);
    master.remove(made);
    this.undoable(() => {
      this.#tables.set(name, table);
      master.add(made);
    });
  }

  undoable(undo) {
    this.#undo.push(undo);
  }
}

/** Rows, and for each unique set of columns a map by their values. */
class Table {
  constructor(name, columns, unique, defaults = {}) {
    Object.assign(this, { name, columns, unique, defaults });
    this.rows = new Set();
    this.maps = unique.map(() => new Map());
  }

  add(row) {
    this.rows.add(row);
    this.unique.forEach((columns, at) => {
      const key = keyOf(columns, row);
      if (key !== undefined) this.maps[at].set(key, row);
    });
  }

  remove(row) {
    this.rows.delete(row);
    this.unique.forEach((columns, at) => {
      const key = keyOf(columns, row);
      if (this.maps[at].get(key) === row) this.maps[at].delete(key);
    });
  }

  /** The row that stands where this one would, and which columns say so. */
  conflict(row) {
    for (const [at, columns] of this.unique.entries()) {
      const other = this.maps[at].get(keyOf(columns, row));
      if (other && other !== row) return { other, columns };
    }
    return undefined;
  }

  /** The rows that a condition can hold for, at least. */
  candidates(condition, scope) {
    const { column, value, among } = condition?.equals ?? {};
    const at = column ? this.unique.findIndex((columns) => columns.length === 1 && columns[0] === column) : -1;
    if (at < 0) return [...this.rows];
    // Of this table only: an inner `sequence = outer.sequence` reads the scope around it.
    const wanted = among ? among(scope).map(([each]) => each) : [value({ ...scope, row: scope.row ?? {} })];
    const found = wanted.map((each) => this.maps[at].get(keyOf([column], { [column]: each })));
    return found.filter(Boolean);
  }
}

/** NULL is never the same as another. */
function keyOf(columns, row) {
  const values = columns.map((column) => row[column] ?? null);
  return values.includes(null) ? undefined : JSON.stringify(values);
}

class StatementReader extends Reader {
  subquery() {
    return selection(this);
  }
}

function statement(reader) {
  const run = kind(reader);
  reader.take(";");
  if (!reader.atEnd) reader.fail();
  return run;
}

function kind(reader) {
  if (reader.take("select")) {
    const select = selection(reader);
    return (database, scope) => ({ rows: select({ ...scope, database }), written: 0 });
  }
  if (reader.take("insert")) return insertion(reader);
  if (reader.take("update")) return update(reader);
  if (reader.takeAll("delete", "from")) return deletion(reader);
  if (reader.takeAll("drop", "table")) {
    const name = reader.name();
    return (database) => (database.drop(name), { rows: [], written: 0 });
  }
  reader.need("create");
  if (reader.take("table")) return creation(reader);
  reader.take("unique");
  reader.need("index");
  // It changes how rows are found, and nothing else.
  while (!reader.atEnd) reader.skip();
  return () => ({ rows: [], written: 0 });
}

function creation(reader) {
  const optional = reader.takeAll("if", "not", "exists");
  const name = reader.name();
  const columns = [];
  const unique = [];
  const defaults = {};
  const columnNames = () => reader.inParentheses(() => reader.list(() => reader.name()));
  reader.inParentheses(() =>
    reader.list(() => {
      if (reader.takeAll("primary", "key") || reader.take("unique")) return unique.push(columnNames());
      if (reader.take("check")) return reader.inParentheses(() => reader.expression());
      const column = reader.name();
      columns.push(column);
      return columnRules(reader, column, { unique, defaults });
    }),
  );
  while (!reader.atEnd) reader.skip();
  return (database) => {
    if (!optional || !database.has(name)) database.create(new Table(name, columns, unique, defaults));
    return { rows: [], written: 0 };
  };
}

function columnRules(reader, column, { unique, defaults }) {
  reader.name();
  for (;;) {
    if (reader.takeAll("primary", "key") || reader.take("unique")) unique.push([column]);
    else if (reader.takeAll("not", "null")) continue;
    else if (reader.take("check")) reader.inParentheses(() => reader.expression());
    else if (reader.take("default")) defaults[column] = reader.expression();
    else if (reader.take("references")) {
      reader.name();
      reader.inParentheses(() => reader.name());
    } else return;
  }
}

/** The rest of a SELECT, as a function from a scope to rows. */
function selection(reader) {
  reader.aggregated = false;
  const distinct = reader.take("distinct");
  const items = reader.list(() => item(reader));
  const source = reader.take("from") ? from(reader) : () => [{}];
  const outer = reader.aggregated;
  const where = reader.take("where") ? reader.expression() : undefined;
  reader.aggregated = outer;
  const groups = reader.takeAll("group", "by") ? reader.list(() => reader.expression()) : undefined;
  const having = reader.take("having") ? reader.expression() : undefined;
  const order = reader.takeAll("order", "by") ? reader.list(() => ordering(reader)) : [];
  const limit = reader.take("limit") ? reader.expression() : undefined;
  const offset = reader.take("offset") ? reader.expression() : undefined;
  const grouped = groups ?? (reader.aggregated ? [] : undefined);
  reader.aggregated = false;
  return (scope) => {
    const around = { values: scope.values, database: scope.database, outer: scope.row ? scope : scope.outer };
    const rows = source(around, where).filter((row) => holds(where, { ...around, row }));
    let scopes = grouped ? groupsOf(rows, grouped, around, groups === undefined) : rows.map((row) => ({ ...around, row }));
    if (having) scopes = scopes.filter((each) => holds(having, each));
    let results = scopes.map((each) => {
      const values = items.flatMap((read) => read(each));
      const named = Object.fromEntries(items.map((read, at) => [read.as, values[at]]).filter(([as]) => as));
      return { values, keys: order.map(({ by }) => by({ ...each, row: { ...each.row, ...named } })) };
    });
    if (order.length > 0) results.sort((one, other) => compareKeys(one.keys, other.keys, order));
    if (distinct) results = [...new Map(results.map((each) => [JSON.stringify(each.values), each])).values()];
    const start = offset ? offset(around) : 0;
    const most = limit ? limit(around) : -1;
    return results.slice(start, most < 0 ? undefined : start + most).map(({ values }) => values);
  };
}

function item(reader) {
  if (reader.take("*")) return ({ row }) => Object.values(row);
  const value = reader.expression();
  const as = reader.take("as") ? reader.name() : value.column;
  return Object.assign((scope) => [value(scope)], { as });
}

function from(reader) {
  const name = reader.name();
  const given = reader.take("(") ? reader.expression() : undefined;
  if (given) reader.need(")");
  if (reader.take("as")) reader.name();
  if (!given) return (scope, where) => scope.database.table(name).candidates(where, scope);
  if (name !== "json_each") reader.fail();
  return (scope) => JSON.parse(given(scope)).map((value, key) => ({ key, value }));
}

function ordering(reader) {
  const by = reader.expression();
  const falling = reader.take("desc");
  if (!falling) reader.take("asc");
  return { by, falling };
}

function compareKeys(one, other, order) {
  for (const [at, { falling }] of order.entries()) {
    if (one[at] === other[at]) continue;
    const less = one[at] === null || (other[at] !== null && one[at] < other[at]);
    return less === falling ? 1 : -1;
  }
  return 0;
}

/** One scope per group; without GROUP BY there is one, of no row too. */
function groupsOf(rows, keys, around, always) {
  const groups = new Map(always ? [["[]", []]] : []);
  for (const row of rows) {
    const key = JSON.stringify(keys.map((each) => each({ ...around, row })));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => ({ ...around, group, row: group[0] ?? {} }));
}

function holds(condition, scope) {
  const value = condition ? condition(scope) : 1;
  return value !== null && value !== 0;
}

function insertion(reader) {
  const ignored = reader.takeAll("or", "ignore");
  const replaced = !ignored && reader.takeAll("or", "replace");
  reader.need("into");
  const name = reader.name();
  const columns = reader.inParentheses(() => reader.list(() => reader.name()));
  const source = reader.take("select")
    ? selection(reader)
    : (reader.need("values"), valuesOf(reader.list(() => reader.inParentheses(() => reader.list(() => reader.expression())))));
  const upsert = reader.takeAll("on", "conflict") ? conflictRule(reader) : undefined;
  return (database, scope) => {
    const table = database.table(name);
    let written = 0;
    for (const values of source({ ...scope, database })) {
      const row = Object.fromEntries(table.columns.map((column) => [column, table.defaults[column]?.(scope) ?? null]));
      columns.forEach((column, at) => (row[column] = values[at]));
      numbered(table, row);
      const { other, columns: which } = table.conflict(row) ?? {};
      if (other === undefined) change(database, table, undefined, row);
      else if (replaced) change(database, table, other, row);
      else if (ignored || upsert?.nothing) continue;
      else if (upsert?.set) {
        const at = { ...scope, database, row: other, excluded: row };
        if (!holds(upsert.where, at)) continue;
        change(database, table, other, assigned(other, upsert.set, at));
      } else throw new Error(`UNIQUE constraint failed: ${name}.${which.join(", ")}`);
      written += 1;
    }
    return { rows: [], written };
  };
}

/** An integer key that was not given is the next. */
function numbered(table, row) {
  const [key] = table.unique.find((columns) => columns.length === 1) ?? [];
  if (key === undefined || row[key] !== null) return;
  row[key] = [...table.rows].reduce((most, other) => Math.max(most, other[key]), 0) + 1;
}

function valuesOf(rows) {
  return (scope) => rows.map((row) => row.map((value) => value(scope)));
}

function conflictRule(reader) {
  if (reader.take("(")) {
    reader.list(() => reader.name());
    reader.need(")");
  }
  reader.need("do");
  if (reader.take("nothing")) return { nothing: true };
  reader.need("update");
  return assignments(reader);
}

function assignments(reader) {
  reader.need("set");
  const set = reader.list(() => {
    const column = reader.name();
    reader.need("=");
    return [column, reader.expression()];
  });
  return { set, where: reader.take("where") ? reader.expression() : undefined };
}

function assigned(row, set, scope) {
  return { ...row, ...Object.fromEntries(set.map(([column, value]) => [column, value(scope)])) };
}

function update(reader) {
  const name = reader.name();
  const { set, where } = assignments(reader);
  return (database, scope) => {
    const table = database.table(name);
    const matching = matches(table, where, { ...scope, database });
    for (const row of matching) change(database, table, row, assigned(row, set, { ...scope, database, row }));
    return { rows: [], written: matching.length };
  };
}

function deletion(reader) {
  const name = reader.name();
  const where = reader.take("where") ? reader.expression() : undefined;
  return (database, scope) => {
    const table = database.table(name);
    const matching = matches(table, where, { ...scope, database });
    for (const row of matching) change(database, table, row, undefined);
    return { rows: [], written: matching.length };
  };
}

function matches(table, where, scope) {
  return table.candidates(where, scope).filter((row) => holds(where, { ...scope, row }));
}

/** Puts a row in another's place; either may be absent. */
function change(database, table, before, after) {
  if (before) table.remove(before);
  if (after) table.add(after);
  database.undoable(() => {
    if (after) table.remove(after);
    if (before) table.add(before);
  });
}
