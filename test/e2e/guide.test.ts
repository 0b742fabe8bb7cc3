// Every page of the guide that needs nothing but podwire does what it shows.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { follow, programs } from '../support/guide.ts';
import { ROOT } from './podwire.ts';

const folder = join(ROOT, 'docs/guide');
const pages = (await readdir(folder)).filter((name) => name.endsWith('.md'));

describe('docs/guide', () => {
  for (const page of pages)
    it(page, async ({ skip }) => {
      const others = await programs(join(folder, page));
      skip(others.size > 0, `needs ${[...others].join(', ')}: run by test/clients`);
      expect(await follow(join(folder, page))).toBeUndefined();
    }, 60_000);
});
