/** How far stored bytes have been proved: given back as they were written, read to their end, restored and compared. */

export const proofLevels = ['stored', 'listed', 'restored'] as const;
export type ProofLevel = (typeof proofLevels)[number];
