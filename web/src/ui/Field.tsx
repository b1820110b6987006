import { CircleAlert } from 'lucide-react';
import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react';
import css from './Field.module.css';

type Labelled = { label: string; hint?: ReactNode; error?: string; required?: boolean; hideLabel?: boolean };

/** Ids and ARIA that tie a control to its label, its help and its error. */
export function useField({ hint, error, required }: Pick<Labelled, 'hint' | 'error' | 'required'>) {
  const id = useId();
  return {
    id,
    'aria-describedby': hint || error ? `${id}-help` : undefined,
    'aria-invalid': error ? (true as const) : undefined,
    'aria-required': required || undefined,
  };
}

type FieldProps = Labelled & { id: string; children: ReactNode; group?: boolean };

export function Field({ id, label, hint, error, required, hideLabel, children, group }: FieldProps) {
  const Label = group ? 'span' : 'label';
  return (
    <div className={css.field}>
      <Label id={`${id}-label`} {...(group ? {} : { htmlFor: id })} className={hideLabel ? 'hidden' : css.label}>
        {label}
        {required && <span className={css.required} aria-hidden>*</span>}
      </Label>
      {children}
      {(error || hint) && (
        <span id={`${id}-help`} className={error ? css.error : css.hint}>
          {error && <CircleAlert size={13} aria-hidden />}
          {error ?? hint}
        </span>
      )}
    </div>
  );
}

type TextProps = Labelled & { icon?: ReactNode; unit?: string } & InputHTMLAttributes<HTMLInputElement>;

export function TextField({ label, hint, error, required, hideLabel, icon, unit, ...input }: TextProps) {
  const field = useField({ hint, error, required });
  return (
    <Field id={field.id} {...{ label, hint, error, required, hideLabel }}>
      <span className={css.box} data-icon={icon ? true : undefined} data-unit={unit ? true : undefined}>
        {icon && <span className={css.icon} aria-hidden>{icon}</span>}
        <input {...input} {...field} className={css.control} />
        {unit && <span className={css.unit} data-short={unit.length < 5 || undefined} aria-hidden>{unit}</span>}
      </span>
    </Field>
  );
}

export function TextArea({ label, hint, error, required, hideLabel, ...area }: Labelled & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const field = useField({ hint, error, required });
  return (
    <Field id={field.id} {...{ label, hint, error, required, hideLabel }}>
      <textarea {...area} {...field} className={css.control} />
    </Field>
  );
}

export type Option = { value: string; label: string };
type SelectProps = Labelled & { options: Option[]; empty?: string } & SelectHTMLAttributes<HTMLSelectElement>;

export function SelectField({ label, hint, error, required, hideLabel, options, empty, ...select }: SelectProps) {
  const field = useField({ hint, error, required });
  return (
    <Field id={field.id} {...{ label, hint, error, required, hideLabel }}>
      <select {...select} {...field} className={css.control}>
        {empty !== undefined && <option value="">{empty}</option>}
        {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
      </select>
    </Field>
  );
}

type CheckProps = { label: ReactNode; hint?: string; switched?: boolean } & InputHTMLAttributes<HTMLInputElement>;

export function CheckField({ label, hint, switched, ...input }: CheckProps) {
  const id = useId();
  return (
    <label className={css.check} data-switch={switched || undefined}>
      <input type="checkbox" role={switched ? 'switch' : undefined} {...input} aria-describedby={hint ? id : undefined} />
      <span>
        {label}
        {hint && <span id={id} className={css.hint}>{hint}</span>}
      </span>
    </label>
  );
}

type SegmentedProps<T extends string> = { label: string; value: T | undefined; options: { value: T; label: ReactNode }[]; onChange: (value: T) => void };

/** One of a few, all visible. Radio buttons underneath, so the arrow keys work as everybody expects. */
export function Segmented<T extends string>({ label, value, options, onChange }: SegmentedProps<T>) {
  const name = useId();
  return (
    <div role="radiogroup" aria-label={label} className={css.segmented}>
      {options.map((option) => (
        <label key={option.value} className={css.segment}>
          <input type="radio" className="hidden" name={name} value={option.value} checked={value === option.value} onChange={() => onChange(option.value)} />
          <span>{option.label}</span>
        </label>
      ))}
    </div>
  );
}
