// Words of a line of iptables-restore: add_param_to_argv of iptables/xshared.c. Double quotes group, and within them a
// backslash takes the next character as it is.

export function tokenize(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let open = false;
  let quoted = false;
  let escaped = false;
  for (const c of line) {
    if (open) {
      if (escaped) {
        word += c;
        escaped = false;
      } else if (c === '\\') escaped = true;
      else if (c === '"') open = false;
      else word += c;
    } else if (c === '"') {
      open = true;
      quoted = true;
    } else if (c === ' ' || c === '\t' || c === '\n' || c === '\r') {
      if (word !== '' || quoted) words.push(word);
      word = '';
      quoted = false;
    } else word += c;
  }
  if (word !== '' || quoted) words.push(word);
  return words;
}
