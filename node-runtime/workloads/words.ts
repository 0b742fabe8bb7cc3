// A command line without shell features, taken apart as a shell would: words and quotes, nothing else.

/** The words, or undefined when the text needs a shell: pipes, variables, globs, several commands. */
export function simpleWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === ' ' || c === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (c === "'") {
      const end = text.indexOf("'", i + 1);
      if (end === -1) return undefined;
      word = (word ?? '') + text.slice(i + 1, end);
      i = end;
    } else if (c === '"') {
      const end = text.indexOf('"', i + 1);
      const inside = text.slice(i + 1, end);
      if (end === -1 || /[\\$`]/.test(inside)) return undefined;
      word = (word ?? '') + inside;
      i = end;
    } else if (/[|&;<>()$`\\*?[\]{}~#!\n]/.test(c)) {
      return undefined;
    } else word = (word ?? '') + c;
  }
  if (word !== undefined) words.push(word);
  // An assignment before a command is the shell's.
  return words[0] === undefined || words[0].includes('=') ? undefined : words;
}

/** Words as a shell command that means just them. */
export const quoteWords = (words: readonly string[]): string =>
  words.map((w) => (/^[\w@%+=:,./-]+$/.test(w) ? w : `'${w.replaceAll("'", `'\\''`)}'`)).join(' ');
