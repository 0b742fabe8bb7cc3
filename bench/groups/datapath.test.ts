import { expect, it } from 'vitest';
import { compareOutputs, createControl, createSubject } from './datapath.ts';

it('the kernel sends what the hand-fused loop sends, byte for byte', () => {
  expect(compareOutputs(createSubject(), createControl(), 200)).toBe(200);
});
