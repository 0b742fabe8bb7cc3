// Answers every question with the client's own address and port, in the additional section (CoreDNS plugin/whoami).
import { addrBytes } from '../../dns/addr.ts';
import type { Rr } from '../../dns/message.ts';
import { addressRr, srvRecord } from '../../dns/rr.ts';
import { RCODE } from '../../dns/types.ts';
import { emptyReply, type Handler, type Request, type Result, type Writer } from '../../server/plugin.ts';

export class Whoami implements Handler {
  readonly name = 'whoami';

  serve(w: Writer, r: Request): Result {
    const { name, class: cls } = r.question;
    const reply = emptyReply(r);
    const bytes = addrBytes(r.peer.address.replace(/^::ffff:/, ''));
    const records: Rr[] = bytes === undefined ? [] : [{ ...addressRr(name, 0, bytes), class: cls }];
    const owner = `_${r.proto}.${name === '.' ? '' : name}`;
    records.push({ ...srvRecord(owner, 0, { weight: 0, port: r.peer.port, target: '.' }), class: cls });
    reply.additional = records;
    w.write(reply);
    return RCODE.NOERROR;
  }
}
