// The comment match, which always matches: net/netfilter/xt_comment.c.
import { type MatchExtension, XtError } from '../tables/extension.ts';
import { quoted } from '../tables/quote.ts';
import { required } from './values.ts';

export interface CommentMatch {
  readonly name: 'comment';
  readonly text: string;
}

/** XT_MAX_COMMENT_LEN, the closing zero included. */
const MAX = 256;

export const comment: MatchExtension<CommentMatch> = {
  name: 'comment',
  options: [{ name: 'comment', args: 1 }],
  parse(given) {
    const text = required(given, 'comment', 'comment').value;
    if (text.length >= MAX)
      throw new XtError(`comment: Argument to "--comment" is too long (maximum ${MAX - 1} characters).\n`);
    return { name: 'comment', text };
  },
  save: (m) => `--comment ${quoted(m.text)}`,
  list: (m) => `/* ${m.text} */`,
  compile: () => () => true,
};
