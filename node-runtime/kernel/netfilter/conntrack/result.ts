// What a protocol's tracker answers: the return values of nf_conntrack_*_packet, whose negative ones mean "no connection".
export const CT_ACCEPT = 1;
export const CT_INVALID = 2;
/** The entry was deleted: look the packet up again. */
export const CT_REPEAT = 3;
export const CT_DROP = 4;
export type CtResult = typeof CT_ACCEPT | typeof CT_INVALID | typeof CT_REPEAT | typeof CT_DROP;
