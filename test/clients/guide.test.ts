// The pages of the guide that ask their reader for other programs besides podwire.
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { follow, programs } from '../support/guide.ts';
import { canRun, missing } from './support.ts';

const folder = resolve(import.meta.dirname, '../../docs/guide');
const pages = (await readdir(folder)).filter((name) => name.endsWith('.md'));

describe('docs/guide', async () => {
  for (const page of pages) {
    const path = join(folder, page);
    const others = await programs(path);
    if (others.size > 0 && canRun(page, missing(...others)))
      it(page, async () => expect(await follow(path)).toBeUndefined(), 120_000);
  }
});
