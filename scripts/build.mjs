// Bundles each process into one file and writes V8's code cache beside it: a node process that starts from source
// files, or through a TypeScript loader, costs three to five times the CPU.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);

/** Programs that run as processes or workers: name of the bundle → entry. */
const programs = {
  node: 'node-runtime/main.ts',
  podwire: 'emulator/cli/main.ts',
  'coredns-lite': 'coredns-lite/main.ts',
  bench: 'bench/main.ts',
  baseline: 'bench/baseline.ts',
};
/** The library, for others to import; and the worker that runs scripts, which imports just-bash where npm put it. */
const modules = { client: 'emulator/client.ts', userland: 'node-runtime/workloads/userland/main.ts' };
/** What the emulator loads into its own process: nodes for inline placement. */
const plugins = { inline: 'node-runtime/inline.ts' };

/** Native, optional, or large and seldom needed: left where npm put them. */
const external = [
  'lmdb',
  'koffi',
  'just-bash',
  'msgpackr-extract',
  'bufferutil',
  'utf-8-validate',
  'esbuild',
];
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  external,
  logLevel: 'warning',
  legalComments: 'none',
  absWorkingDir: root,
  sourcemap: 'linked',
  sourcesContent: false,
  // Comments in a bundle are read and kept in memory by every process; one dash in them, and all of it takes two bytes a character.
  minifyWhitespace: true,
};

const commonjs = {
  ...common,
  format: 'cjs',
  define: { 'import.meta.url': '__podwire_url' },
  banner: { js: 'const __podwire_url = require("node:url").pathToFileURL(__filename).href;' },
};

for (const [name, entry] of Object.entries(plugins))
  if (existsSync(join(root, entry)))
    await build({ ...commonjs, entryPoints: [entry], outfile: join(dist, `${name}.cjs`) });
for (const [name, entry] of Object.entries(programs)) {
  if (!existsSync(join(root, entry))) continue;
  await build({ ...commonjs, entryPoints: [entry], outfile: join(dist, `${name}.bundle.cjs`) });
  const file = join(dist, `${name}.js`);
  writeFileSync(file, launcher(name));
  chmodSync(file, 0o755);
  // Compiled in a process of its own: the cache must hold what the flags of a real start would compile.
  const made = spawnSync(process.execPath, [file], {
    env: { ...process.env, PODWIRE_MAKE_CODE_CACHE: '1' },
    stdio: ['ignore', 2, 2],
  });
  if (made.status !== 0) process.exit(1);
}
for (const [name, entry] of Object.entries(modules)) {
  if (!existsSync(join(root, entry))) continue;
  await build({
    ...common,
    entryPoints: [entry],
    outfile: join(dist, `${name}.js`),
    format: 'esm',
    banner: {
      js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);",
    },
  });
}
if (process.argv.includes('--types')) {
  const tsc = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'scripts/types.tsconfig.json'],
    { cwd: root, stdio: ['ignore', 2, 2] },
  );
  if (tsc.status !== 0) process.exit(1);
}

/** A few lines that load the bundle with its code cache; a cache of another V8 is refused and costs nothing but time. */
function launcher(name) {
  return `#!/usr/bin/env node
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
const file = join(dirname(fileURLToPath(import.meta.url)), '${name}.bundle.cjs');
const source = \`(function (exports, require, module, __filename, __dirname) { \${readFileSync(file, 'utf8')}\\n})\`;
let cachedData;
try {
  cachedData = readFileSync(file + '.cache');
} catch {}
const script = new vm.Script(source, { filename: file, cachedData });
if (process.env.PODWIRE_MAKE_CODE_CACHE) writeFileSync(file + '.cache', script.createCachedData());
else {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
}
`;
}
