// Makes a checkout ready to run: installs the dependencies if they are missing, and builds dist/ if a source is newer
// than it. Every npm script goes through here, so that a fresh clone needs one command and nothing before it.
//
//   node scripts/ready.mjs           what is missing, and only that
//   node scripts/ready.mjs --build   everything, type declarations too (before packing)
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const full = process.argv.includes('--build');
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`podwire needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(2);
}

const time = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

/** The newest change below `dir`, node_modules and hidden folders left out. */
function newest(dir) {
  let latest = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(dir, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : time(path));
  }
  return latest;
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

// `npm install`, not `npm ci`: a lock made where a registry lacks another platform's optional binaries fails the latter.
const installed = join(root, 'node_modules', '.package-lock.json');
if (time(installed) < time(join(root, 'package-lock.json'))) {
  console.error('podwire: installing dependencies …');
  const windows = process.platform === 'win32';
  run(
    windows ? 'npm.cmd' : 'npm',
    [
      ...['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'],
      // Native modules come built for each system; their scripts would only compile them once more, for half a minute.
      '--ignore-scripts',
    ],
    { shell: windows },
  );
  const now = new Date();
  utimesSync(installed, now, now);
}

const stamp = join(root, 'dist', '.built');
const sources = ['emulator', 'node-runtime', 'coredns-lite', 'scenarios', 'bench', 'scripts'].map((d) =>
  join(root, d),
);
if (
  full ||
  time(stamp) < Math.max(time(join(root, 'package.json')), ...sources.filter(existsSync).map(newest))
) {
  const started = Date.now();
  run(process.execPath, [join(root, 'scripts', 'build.mjs'), ...(full ? ['--types'] : [])]);
  writeFileSync(stamp, new Date(started).toISOString());
  utimesSync(stamp, new Date(started), new Date(started));
}
