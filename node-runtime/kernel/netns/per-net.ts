// State that a higher room keeps in each namespace: register_pernet_subsys and net_generic. A room declares
//
//   export const fib = perNet('fib', (ns) => new Fib(ns));
//
// and reads `fib(ns)`; the first read makes it. So a namespace carries a routing table without knowing the type.
import type { Netns } from './netns.ts';

export function perNet<T>(name: string, init: (ns: Netns) => T): (ns: Netns) => T {
  const key = Symbol(name);
  return (ns) => {
    let state = ns.generic.get(key) as T | undefined;
    if (state === undefined) {
      state = init(ns);
      ns.generic.set(key, state);
    }
    return state;
  };
}
