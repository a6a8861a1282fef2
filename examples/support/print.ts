import { styleText } from "node:util";

export function title(text: string): void {
  console.log(`\n${styleText("bold", text)}`);
}

/** Numbers to the right, text to the left. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  if (rows.length === 0) return console.log("  none");
  const columns = head.map((name, index) => {
    const cells = rows.map((row) => String(row[index]));
    return {
      width: Math.max(name.length, ...cells.map((cell) => cell.length)),
      isNumber: cells.every((cell) => /^-?\d+(?:\.\d+)?$/.test(cell)),
    };
  });
  for (const row of [head, ...rows]) {
    const cells = columns.map(({ width, isNumber }, index) =>
      isNumber ? String(row[index]).padStart(width) : String(row[index]).padEnd(width),
    );
    console.log(`  ${cells.join("  ").trimEnd()}`);
  }
}

/** Prints what was compared; answers whether it agrees. */
export function check(agrees: boolean, text: string): boolean {
  console.log(`  ${agrees ? styleText("green", "✓") : styleText("red", "✗")} ${text}`);
  return agrees;
}
