// Every page of the guide that needs nothing but podwire does what it shows.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { follow, programs } from '../support/guide.ts';
import { ROOT } from './podwire.ts';

const folder = join(ROOT, 'docs/guide');
const pages = (await readdir(folder)).filter((name) => name.endsWith('.md'));

describe('docs/guide', async () => {
  for (const page of pages) {
    const path = join(folder, page);
    if ((await programs(path)).size === 0)
      it(page, async () => expect(await follow(path)).toBeUndefined(), 60_000);
  }
});
