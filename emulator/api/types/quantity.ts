// Resource quantities: "250m", "1Gi", "2e3"; k8s.io/apimachinery/pkg/api/resource. As numbers, which is exact enough to
// compare and add what nodes offer and pods ask for.

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const FORM = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;

/** undefined: not a quantity. */
export function parseQuantity(text: string | number): number | undefined {
  const m = FORM.exec(String(text));
  if (m === null) return undefined;
  if (m[2] !== undefined) return Number(m[1]! + m[2]);
  return Number(m[1]) * SUFFIXES[m[3] ?? '']!;
}
