#!/usr/bin/env node
// Nothing is imported before this: an older Node could not even parse it.
const { node } = process.versions;
const [major = 0, minor = 0] = node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `error: sluice needs Node 24.15 or newer; this is ${node}. Install one from https://nodejs.org, or into your project by \`npm install -D node@24\` and start it by \`npx sluice\`\n`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import("./program.ts");
  process.exitCode = await main(process.argv.slice(2));
}
