import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { isOfOneCommit, unwritable } from "./failure.ts";

function errorOf(sql: string): unknown {
  using database = new DatabaseSync(":memory:");
  database.exec("create table events (seq integer primary key, uid text unique, data text) strict");
  database.exec("insert into events values (1, 'a', '{}')");
  try {
    database.exec(sql);
  } catch (error) {
    return error;
  }
  throw new Error(`${sql} did not fail`);
}

it.each([
  ["a number that is taken", "insert into events values (1, 'b', '{}')", "JOURNAL_IO"],
  ["a uid that is taken", "insert into events values (2, 'a', '{}')", "JOURNAL_IO"],
  ["a value of a wrong type", "insert into events values (2, 'b', x'00')", "INVALID_EVENT"],
])("%s fails one commit, and only what is the event's own fault is called so", (_, sql, code) => {
  const error = errorOf(sql);
  expect(isOfOneCommit(error)).toBe(true);
  expect(unwritable(error)).toMatchObject({ code });
});
