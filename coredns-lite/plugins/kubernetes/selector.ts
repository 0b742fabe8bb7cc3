// Label selectors as text (k8s.io/apimachinery labels.Parse): "app=web,tier!=db,env in (a,b),!old".

export type Labels = Readonly<Record<string, string>>;
export type Selector = (labels: Labels) => boolean;

const KEY = '[\\w./-]+';
const TERM = new RegExp(
  `^\\s*(?:(!)\\s*(${KEY})|(${KEY})\\s*(?:(==|=|!=)\\s*([\\w.-]*)|\\s(in|notin)\\s*\\(([^)]*)\\))?)\\s*(?:,|$)`,
);

/** Undefined for what is no selector. */
export function parseSelector(text: string): Selector | undefined {
  const terms: Selector[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const m = TERM.exec(rest);
    if (m === null) return undefined;
    const [all, not, absent, key = '', op, value, set, values = ''] = m;
    rest = rest.slice(all.length).trim();
    if (not !== undefined) terms.push((labels) => !Object.hasOwn(labels, absent!));
    else if (op === '!=') terms.push((labels) => labels[key] !== value);
    else if (op !== undefined) terms.push((labels) => labels[key] === value);
    else if (set !== undefined) {
      const wanted = new Set(values.split(',').map((v) => v.trim()));
      terms.push((labels) => (Object.hasOwn(labels, key) && wanted.has(labels[key]!)) === (set === 'in'));
    } else terms.push((labels) => Object.hasOwn(labels, key));
  }
  return (labels) => terms.every((term) => term(labels));
}
