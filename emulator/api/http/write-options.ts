// The query parameters that all writes share: metav1.CreateOptions, UpdateOptions and PatchOptions.
import type { WriteOptions } from '../registry.ts';
import { StatusError } from '../status-error.ts';
import type { Exchange } from './exchange.ts';

export function writeOptions(exchange: Exchange): WriteOptions {
  const dryRun = exchange.query.getAll('dryRun');
  for (const value of dryRun)
    if (value !== 'All')
      throw new StatusError(
        422,
        'Invalid',
        `dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`,
        {
          causes: [
            {
              reason: 'FieldValueNotSupported',
              message: `Unsupported value: ${JSON.stringify(value)}: supported values: "All"`,
              field: 'dryRun',
            },
          ],
        },
      );
  return {
    dryRun: dryRun.length > 0,
    fieldManager: exchange.query.get('fieldManager') || managerOf(exchange.req.headers['user-agent']),
    warn: (text) => exchange.warn(text),
  };
}

/** Who writes, when a request does not say: the user agent up to its first slash; managerOrUserAgent. */
export const managerOf = (userAgent: string | undefined): string =>
  (userAgent ?? 'unknown').split('/')[0]!.slice(0, 128);
