/** Dates, numbers and money in the viewer's locale. Money arrives as a decimal string and is never a float here. */
import i18n from 'i18next';

const LOCALES: Record<string, string> = { en: navigator.languages?.find((tag) => tag.startsWith('en')) ?? 'en-GB', zh: 'zh-CN' };

export const locale = () => LOCALES[i18n.language] ?? 'en-GB';

export const number = (value: number, options?: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale(), options).format(value);

export const compact = (value: number) => number(value, { notation: 'compact', maximumFractionDigits: 1 });

export const percent = (share: number) => number(share, { style: 'percent', maximumFractionDigits: 1 });

/** `amount` is a decimal string ("4280.00"); Intl formats the string exactly. */
export function money(amount: string | number, currency: string, options: Intl.NumberFormatOptions = {}): string {
  try {
    const format = new Intl.NumberFormat(locale(), { style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...options });
    return format.format(amount as Intl.StringNumericLiteral);
  } catch {
    return `${amount} ${currency}`;
  }
}

/** Small model costs need more digits than an invoice does. */
export function cost(amount: string | number, currency: string): string {
  const small = Math.abs(Number(amount)) < 1 && Number(amount) !== 0;
  return money(amount, currency, small ? { maximumFractionDigits: 4, minimumFractionDigits: 2 } : {});
}

const MOMENT: Intl.DateTimeFormatOptions = { day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };
export const CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };
export const DAY: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };
export const FULL: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'long' };

export const date = (iso: string, options: Intl.DateTimeFormatOptions = MOMENT) => {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : new Intl.DateTimeFormat(locale(), options).format(at);
};

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [['day', 864e5], ['hour', 36e5], ['minute', 6e4], ['second', 1e3]];

export function relative(iso: string, now: number, style: 'narrow' | 'long' = 'narrow'): string {
  const distance = new Date(iso).getTime() - now;
  const [unit, size] = UNITS.find(([, ms]) => Math.abs(distance) >= ms) ?? ['second', 1e3];
  return new Intl.RelativeTimeFormat(locale(), { style, numeric: 'auto' }).format(Math.trunc(distance / size), unit);
}

const unit = (value: number, name: string) => number(value, { style: 'unit', unit: name, unitDisplay: 'narrow', maximumFractionDigits: value < 10 && name === 'second' ? 1 : 0 });

export function duration(ms: number): string {
  if (ms < 1000) return unit(Math.max(0, Math.round(ms)), 'millisecond');
  const seconds = ms / 1000;
  if (seconds < 60) return unit(seconds, 'second');
  const [big, small, size] = seconds < 3600 ? (['minute', 'second', 60] as const) : seconds < 172_800 ? (['hour', 'minute', 3600] as const) : (['day', 'hour', 86_400] as const);
  const rest = Math.floor((seconds % size) / (size === 60 ? 1 : size === 3600 ? 60 : 3600));
  return [unit(Math.floor(seconds / size), big), rest > 0 ? unit(rest, small) : ''].filter(Boolean).join(' ');
}

/** "person:li.wei" → "Li Wei" when nobody gave us the name. */
export function principalName(id: string): string {
  const name = id.includes(':') ? id.slice(id.indexOf(':') + 1) : id;
  return name.split(/[.\-_ ]/).map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join(' ');
}

/** "complaint-resolution" → "Complaint resolution"; "order_number" → "Order number". */
export function humanize(name: string): string {
  const words = name.replace(/[_\-.]+/g, ' ').replace(/([a-z])([A-Z])/g, '$1 $2').trim().toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
