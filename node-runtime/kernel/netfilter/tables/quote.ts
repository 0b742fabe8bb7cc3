// Quoting as iptables-save does it: xtables_save_string (libxtables/xtables.c).

/** Bare when it holds nothing but letters, digits, - and _; else in quotes, with quotes and backslashes escaped. */
export function quoted(text: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  return `"${text.replace(/["\\']/g, '\\$&')}"`;
}
