import { Banknote, FilePen, KeyRound, Mail, PackageOpen, Truck, type LucideIcon } from 'lucide-react';
import type { Approval } from '../../api/approvals';
import { money } from '../../ui/format';
import type { Tone } from '../../ui/State';

const ICONS: [RegExp, LucideIcon][] = [
  [/mail|message|send/, Mail], [/credit|refund|invoice|pay|transfer/, Banknote], [/role|access|grant|iam/, KeyRound], [/return|replac/, PackageOpen], [/ship|logist|parcel/, Truck],
];

/** An icon by what the tool is about; a pencil for anything else that writes. */
export const iconOfTool = (tool: string): LucideIcon => ICONS.find(([pattern]) => pattern.test(tool.toLowerCase()))?.[1] ?? FilePen;

export const toneOfRisk = (risk: string): Tone => (risk === 'high' ? 'deny' : risk === 'medium' ? 'ask' : 'idle');

/** The argument that matters most, in words; a bare amount with the currency that stands beside it. */
export function emphasised({ arguments: all }: Pick<Approval, 'arguments'>): string {
  const big = all.find((each) => each.emphasis);
  const currency = all.find((each) => each.path === 'currency')?.value;
  return big && typeof currency === 'string' && /^\d+(\.\d+)?$/.test(big.text) ? money(big.text, currency) : (big?.text ?? '');
}
