import { Paperclip } from 'lucide-react';
import { useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Field, TextArea, TextField } from '../Field';
import { number } from '../format';
import { parseDecimal, showDecimal } from './decimal';

type Shared = { label: string; hint?: ReactNode; error?: string; required?: boolean };
type Controlled = Shared & { value: unknown; onChange: (value: unknown) => void };

/** A number or an amount, written as the locale writes it; its value is text, exact to the last digit. */
export function DecimalField({ value, onChange, unit, ...shared }: Controlled & { unit?: string }) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <TextField {...shared} inputMode="decimal" unit={unit} value={typed ?? showDecimal(value)}
      onChange={(event) => { setTyped(event.target.value); onChange(event.target.value === '' ? '' : parseDecimal(event.target.value)); }}
      onBlur={() => setTyped(null)} />
  );
}

const MAX_BYTES = 5_000_000;

/** A file as base64, which is how JSON carries it. */
export function FileField({ value, onChange, accept, ...shared }: Controlled & { accept?: string }) {
  const { t } = useTranslation();
  const id = useId();
  const [name, setName] = useState('');
  const [tooBig, setTooBig] = useState(false);
  const read = (file: File | undefined) => {
    if (!file) return onChange(undefined);
    setTooBig(file.size > MAX_BYTES);
    if (file.size > MAX_BYTES) return onChange(undefined);
    setName(file.name);
    const reader = new FileReader();
    reader.onload = () => onChange(String(reader.result).split(',')[1]);
    reader.readAsDataURL(file);
  };
  return (
    <Field id={id} {...shared} error={tooBig ? t('form.tooBig', { limit: number(MAX_BYTES / 1e6) }) : shared.error}>
      <span className="row">
        <input id={id} type="file" accept={accept} onChange={(event) => read(event.target.files?.[0])} />
        {value !== undefined && name && <span className="row xs muted"><Paperclip size={13} aria-hidden />{name}</span>}
      </span>
    </Field>
  );
}

/** For shapes that no control fits: JSON, checked as it is typed. */
export function JsonField({ value, onChange, ...shared }: Controlled) {
  const { t } = useTranslation();
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value, null, 2));
  const [wrong, setWrong] = useState(false);
  return (
    <TextArea {...shared} spellCheck={false} error={wrong ? t('form.notJson') : shared.error} value={text} onChange={(event) => {
      setText(event.target.value);
      try {
        onChange(event.target.value.trim() ? JSON.parse(event.target.value) : undefined);
        setWrong(false);
      } catch {
        setWrong(true);
      }
    }} />
  );
}
