import { describe, expect, test } from "vitest";
import type { InputSettings, ProcessSettings } from "../model/component.ts";
import { checkConcurrency, resolveInputSettings, resolveProcessSettings } from "./settings.ts";

describe("the settings of a process", () => {
  test("have defaults, and cannot be changed afterwards", () => {
    const settings = resolveProcessSettings("work", {});
    expect(settings).toMatchObject({
      concurrency: 8,
      timeout: undefined,
      grace: undefined,
      ordered: false,
      blockOnDead: false,
      rate: undefined,
      enabled: true,
    });
    expect(Object.isFrozen(settings)).toBe(true);
  });

  test("are read as their words say", () => {
    expect(
      resolveProcessSettings("work", {
        concurrency: 3,
        timeout: "5m",
        grace: 0,
        order: "key",
        onDead: "block",
        rate: "10/m",
        enabled: false,
        retry: { attempts: 1 },
      }),
    ).toMatchObject({
      concurrency: 3,
      timeout: 300_000,
      grace: 0,
      ordered: true,
      blockOnDead: true,
      rate: { count: 10, per: 60_000 },
      enabled: false,
      retry: { attempts: 1 },
    });
  });

  test.each<[ProcessSettings | Record<string, unknown>, string]>([
    [{ concurrency: 0 }, "INVALID_OPTIONS"],
    [{ concurrency: 2.5 }, "INVALID_OPTIONS"],
    [{ concurrency: "8" }, "INVALID_OPTIONS"],
    [{ concurrency: 10_001 }, "INVALID_OPTIONS"],
    [{ timeout: "soon" }, "INVALID_DURATION"],
    [{ timeout: 0 }, "INVALID_DURATION"],
    [{ grace: -1 }, "INVALID_DURATION"],
    [{ order: "fifo" }, "INVALID_OPTIONS"],
    [{ onDead: "stop" }, "INVALID_OPTIONS"],
    [{ rate: "fast" }, "INVALID_OPTIONS"],
    [{ retry: { attempts: 0 } }, "INVALID_OPTIONS"],
    [{ concurency: 3 }, "INVALID_OPTIONS"],
  ])("%j is refused, naming the process", (settings, code) => {
    expect(() => resolveProcessSettings("enrich", settings as ProcessSettings)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(`process "enrich"`) }),
    );
  });
});

describe("the settings of an input", () => {
  test("have defaults", () => {
    expect(resolveInputSettings("orders", {})).toEqual({
      operations: undefined,
      expectEvery: undefined,
      enabled: true,
    });
  });

  test("take any spelling of an operation", () => {
    const operations = ["INSERT", "remove"] as unknown as NonNullable<InputSettings["operations"]>;
    expect(resolveInputSettings("orders", { operations }).operations).toEqual(new Set(["create", "delete"]));
  });

  test.each<[Record<string, unknown>, string]>([
    [{ operations: ["explode"] }, "INVALID_OPERATION"],
    [{ expectEvery: 0 }, "INVALID_DURATION"],
    [{ expectEvery: "often" }, "INVALID_DURATION"],
    [{ expect_every: "1m" }, "INVALID_OPTIONS"],
  ])("%j is refused, naming the input", (settings, code) => {
    expect(() => resolveInputSettings("orders", settings as InputSettings)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(`input "orders"`) }),
    );
  });
});

test.each([1, 10_000])("a total limit of %d is taken", (value) => {
  expect(checkConcurrency(value)).toBe(value);
});

test.each([0, -1, 1.5, Number.NaN, Infinity, 10_001])("a total limit of %d is refused", (value) => {
  expect(() => checkConcurrency(value)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
});
