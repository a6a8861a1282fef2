import { describe, expect, test } from "vitest";
import { editTree } from "./edit.ts";

const TREE = {
  name: "shop",
  input: [{ name: "orders", type: "feed" }],
  process: [
    { name: "land", type: "work", on: "orders" },
    { name: "report", type: "work", on: ["orders", "land"] },
  ],
  link: [
    { input: "orders", process: "report", when: "true" },
    { from: "land", to: "report" },
  ],
};

describe("a change of a config's tree", () => {
  test("adds a component, or puts it in the place of the one of its name", () => {
    const added = editTree(TREE, { put: "process", name: "new", fields: { type: "work" } });
    expect(added["process"]).toEqual([...TREE.process, { name: "new", type: "work" }]);
    const put = editTree(TREE, { put: "input", name: "orders", fields: { type: "cron" } });
    expect(put).toEqual({ ...TREE, input: [{ name: "orders", type: "cron" }] });
  });

  test("removes a component with all that links to it, however that is written", () => {
    expect(editTree(TREE, { remove: "input", name: "orders" })).toEqual({
      name: "shop",
      input: [],
      process: [
        { name: "land", type: "work" },
        { name: "report", type: "work", on: ["land"] },
      ],
      link: [{ from: "land", to: "report" }],
    });
  });

  test("adds and removes a link, written by itself or as on", () => {
    const fields = { from: "orders", to: "land", loop: true };
    expect(editTree(TREE, { put: "link", fields })["link"]).toEqual([...TREE.link, fields]);
    const without = editTree(TREE, { remove: "link", from: "land", to: "report" });
    expect(without).toMatchObject({ process: [{}, { on: ["orders"] }], link: [{ input: "orders" }] });
    expect(editTree(TREE, { remove: "link", from: "orders", to: "land" })["process"]).toMatchObject([
      { name: "land", type: "work" },
      {},
    ]);
  });

  test.each([
    { remove: "input", name: "land" },
    { remove: "process", name: "nowhere" },
    { remove: "link", from: "report", to: "land" },
  ] as const)("$remove is not removed where it is not", (edit) => {
    expect(() => editTree(TREE, edit)).toThrow(expect.objectContaining({ code: "UNKNOWN_NAME" }));
  });

  test("leaves the tree that it was given as it was", () => {
    const before = structuredClone(TREE);
    editTree(TREE, { remove: "input", name: "orders" });
    expect(TREE).toEqual(before);
  });
});
