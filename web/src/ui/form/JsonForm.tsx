import { useId, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../../api/problem';
import { wordedAtField } from '../../i18n/sentences';
import { Inline } from '../Feedback';
import { Fields } from './Fields';
import css from './JsonForm.module.css';
import { defaultsOf, prune, resolve, type Schema } from './schema';
import { validate, type Errors } from './validate';

type Value = Record<string, unknown>;

type JsonFormProps = {
  schema: Schema;
  onSubmit: (value: Value) => unknown;
  children: ReactNode;
  before?: ReactNode;
  initial?: Value;
  onChange?: (value: Value) => void;
};

/** A form drawn from a JSON Schema. What the server refuses is shown at the field it names; what was typed stays. */
export function JsonForm({ schema, onSubmit, children, before, initial, onChange }: JsonFormProps) {
  const { t } = useTranslation();
  const prefix = useId();
  const form = useRef<HTMLFormElement>(null);
  const root = resolve(schema, schema);
  const [value, setValue] = useState<Value>(() => ({ ...(defaultsOf(schema, schema) as Value | undefined), ...initial }));
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<unknown>(null);
  const show = (found: Errors) => {
    setErrors(found);
    const first = Object.keys(found)[0];
    if (first === undefined) return;
    requestAnimationFrame(() => {
      const field = form.current?.querySelector<HTMLElement>(`[data-path="${CSS.escape(first)}"]`);
      field?.querySelector<HTMLElement>('input, textarea, select, button')?.focus({ preventScroll: true });
      field?.scrollIntoView({ block: 'center' });
    });
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const found = validate(schema, value);
    setProblem(null);
    show(found);
    if (Object.keys(found).length > 0) return;
    try {
      await onSubmit((prune(value) as Value | undefined) ?? {});
    } catch (error) {
      const fields = error instanceof Problem ? fromServer(error) : {};
      if (Object.keys(fields).some((path) => root.properties?.[path.split('/')[0]!])) show(fields);
      else setProblem(error);
    }
  };
  const change = (next: Value) => {
    setValue(next);
    onChange?.(next);
    if (Object.keys(errors).length > 0) setErrors(onlyStill(errors, validate(schema, next)));
  };
  const count = Object.keys(errors).length;
  return (
    <form ref={form} className={css.form} noValidate onSubmit={(event) => void submit(event)}>
      {before}
      <Fields schema={schema} root={schema} path="" value={value} errors={errors} onChange={change} prefix={prefix} />
      <p role="status" className={count > 0 ? css.summary : 'hidden'}>{count > 0 ? t('form.problems', { count }) : ''}</p>
      <Inline error={problem} />
      <div className={css.foot}>{children}</div>
    </form>
  );
}

/** A mended field loses its error at once; new errors wait for the next attempt. */
const onlyStill = (before: Errors, now: Errors): Errors => Object.fromEntries(Object.entries(now).filter(([path]) => path in before));

const fromServer = (problem: Problem): Errors =>
  Object.fromEntries(problem.fields.map((each) => [each.field.replace(/^(input|arguments|value|instead)\.?/, '').replaceAll('.', '/'), wordedAtField(each.detail)]).filter(([path]) => path));
