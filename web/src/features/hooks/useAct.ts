import { useRef, useState } from 'react';
import { Problem } from '../../api/problem';
import { wordedAtField } from '../../i18n/sentences';
import type { Errors } from '../../ui/form/validate';

/** What the server refuses, by the field that it names: `arguments.to` stands at `arguments/to`. */
const refused = (error: unknown): Errors =>
  error instanceof Problem ? Object.fromEntries(error.fields.map((each) => [each.field.replaceAll('.', '/'), wordedAtField(each.detail)])) : {};

/** The one act of a dialog: busy while it goes on; what is refused stands at its field, which gets the focus, and what was typed stays. */
export function useAct() {
  const form = useRef<HTMLDivElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [errors, setErrors] = useState<Errors>({});
  const show = (found: Errors) => {
    setErrors(found);
    if (Object.keys(found).length > 0) requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
  };
  /** Does it, unless something was `found` wrong already. */
  const go = async (what: () => Promise<unknown>, found: Errors = {}) => {
    setError(null);
    show(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      await what();
    } catch (problem) {
      setError(problem);
      show(refused(problem));
      setBusy(false);
    }
  };
  return { form, busy, error, errors, go };
}
