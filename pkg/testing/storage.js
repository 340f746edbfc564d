// What an object of the Workers runtime has for its storage, in memory: SQL, transactions, an alarm.

import { Database } from "./database.js";

export class Storage {
  #database = new Database();
  /** When the alarm is set for, or null. */
  alarm = null;

  sql = {
    exec: (statement, ...values) => {
      const { rows, written } = this.#database.run(statement, values);
      return { raw: () => rows.values(), rowsWritten: written };
    },
  };

  transactionSync(work) {
    const { alarm } = this;
    try {
      return this.#database.transaction(work);
    } catch (error) {
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
