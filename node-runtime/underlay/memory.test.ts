import { MemoryHub, MemoryLines } from './memory.ts';
import { endOf, linesCompliance } from './testing/compliance.ts';

linesCompliance('memory', () => {
  const hub = new MemoryHub();
  return {
    make: async (name) => endOf(name, (kernel) => new MemoryLines(hub, kernel, name)),
    patch() {},
    close() {},
  };
});
