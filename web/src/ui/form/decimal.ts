/** Numbers as people write them in their locale, and back, as text: an amount is never a float. */
import { locale } from '../format';

function marks(): { decimal: string; group: string } {
  const parts = new Intl.NumberFormat(locale()).formatToParts(12345.6);
  const mark = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
  return { decimal: mark('decimal'), group: mark('group') };
}

/** "1.234,50" in German → "1234.50"; what is no number comes back as it is, and validation says so. */
export function parseDecimal(text: string): string {
  const { decimal, group } = marks();
  const plain = text.trim().replaceAll(/[\s\u00a0\u202f’']/g, '').replaceAll(group, '').replace(decimal, '.');
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? plain.replace(/^\+/, '').replace(/\.$/, '') : text;
}

export function showDecimal(value: unknown): string {
  if (value === undefined || value === null || value === '') return '';
  const text = String(value);
  if (!/^-?\d+(\.\d+)?$/.test(text)) return text;
  const digits = text.split('.')[1]?.length ?? 0;
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale(), options).format(text as Intl.StringNumericLiteral);
}
