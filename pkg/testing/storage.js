// What an object of the Workers runtime has for its storage, in memory: SQL, transactions, an alarm.

import { DatabaseSync } from "node:sqlite";

export class Storage {
  #database = new DatabaseSync(":memory:");
  /** By their texts, which are constant in the worker. */
  #statements = new Map();
  /** When the alarm is set for, or null. */
  alarm = null;

  sql = {
    exec: (text, ...values) => {
      const before = this.#changes();
      const rows = this.#prepare(text).all(...values);
      return { raw: () => rows.values(), rowsWritten: this.#changes() - before };
    },
  };

  #prepare(text) {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#database.prepare(text);
      statement.setReturnArrays(true);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  #changes() {
    return this.#prepare("SELECT total_changes()").get()[0];
  }

  transactionSync(work) {
    const { alarm } = this;
    this.#database.exec("BEGIN");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      this.alarm = alarm;
      throw error;
    }
  }

  async setAlarm(due) {
    this.alarm = Number(due);
  }

  async deleteAlarm() {
    this.alarm = null;
  }
}
