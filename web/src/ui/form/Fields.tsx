import { Plus, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button, IconButton } from '../Button';
import { CheckField, Field, Segmented, SelectField, TextArea, TextField } from '../Field';
import { DecimalField, FileField, JsonField } from './controls';
import css from './JsonForm.module.css';
import { choicesOf, helpOf, kindOf, resolve, titleOf, unitOf, defaultsOf, type Schema } from './schema';
import type { Errors } from './validate';

type Value = Record<string, unknown>;
type FieldsProps = { schema: Schema; root: Schema; path: string; value: Value; errors: Errors; onChange: (value: Value) => void; prefix: string };

/** The fields of one object, in the order of the schema. */
export function Fields({ schema, root, path, value, errors, onChange, prefix }: FieldsProps) {
  const plain = resolve(schema, root);
  return (
    <>
      {Object.entries(plain.properties ?? {}).map(([name, each]) => {
        const at = path ? `${path}/${name}` : name;
        return (
          <div key={name} data-path={at}>
            <One schema={resolve(each, root)} root={root} name={name} path={at} errors={errors} prefix={prefix}
              required={plain.required?.includes(name) ?? false} value={value[name]} onChange={(next) => onChange({ ...value, [name]: next })} />
          </div>
        );
      })}
    </>
  );
}

type OneProps = { schema: Schema; root: Schema; name: string; path: string; required: boolean; value: unknown; errors: Errors; onChange: (value: unknown) => void; prefix: string };

function One(props: OneProps) {
  const { schema, root, name, path, required, value, errors, onChange, prefix } = props;
  const label = titleOf(schema, name);
  const shared = { label, hint: helpOf(schema), error: errors[path], required };
  const text = { ...shared, value: (value as string | undefined) ?? '', onChange: (event: { target: { value: string } }) => onChange(event.target.value) };
  const example = schema.examples?.[0] === undefined ? undefined : String(schema.examples[0]);
  switch (kindOf(schema)) {
    case 'switch':
      return <CheckField switched label={label} hint={shared.hint} checked={value === true} onChange={(event) => onChange(event.target.checked)} />;
    case 'choice': return <ChoiceField {...props} label={label} />;
    case 'many': return <ManyField {...props} label={label} />;
    case 'number': case 'integer':
      return <DecimalField {...shared} unit={unitOf(schema)} value={value} onChange={(next) => onChange(next !== '' && Number.isFinite(Number(next)) ? Number(next) : next)} />;
    case 'decimal':
      return <DecimalField {...shared} unit={unitOf(schema)} value={value} onChange={onChange} />;
    case 'date': return <TextField {...text} type="date" />;
    case 'time': return <TextField {...text} type="time" />;
    case 'moment': return <TextField {...shared} type="datetime-local" value={toLocal(value)} onChange={(event) => onChange(fromLocal(event.target.value))} />;
    case 'long': return <TextArea {...text} maxLength={schema.maxLength} placeholder={example} />;
    case 'file': return <FileField {...shared} accept={schema.contentMediaType} value={value} onChange={onChange} />;
    case 'list': case 'rows': return <ListField {...props} label={label} />;
    case 'group':
      return (
        <fieldset className={css.group}>
          <legend>{label}</legend>
          <Fields schema={schema} root={root} path={path} prefix={prefix} value={(value as Value | undefined) ?? {}} errors={errors} onChange={onChange} />
        </fieldset>
      );
    case 'json': return <JsonField {...shared} value={value} onChange={onChange} />;
    default: return <TextField {...text} unit={unitOf(schema)} type={schema.format === 'email' ? 'email' : 'text'} placeholder={example} />;
  }
}

function ChoiceField({ schema, path, required, value, errors, onChange, label }: OneProps & { label: string }) {
  const choices = choicesOf(schema) ?? [];
  const options = choices.map((choice, i) => ({ value: String(i), label: choice.label }));
  const chosen = choices.findIndex((choice) => choice.value === value);
  const pick = (index: string) => onChange(index === '' ? undefined : choices[Number(index)]?.value);
  const shared = { label, hint: helpOf(schema), error: errors[path], required };
  if (choices.length <= 3 && choices.every((choice) => choice.label.length < 24) && required) {
    return <Field id={path} group {...shared}><Segmented label={label} value={chosen < 0 ? undefined : String(chosen)} options={options} onChange={pick} /></Field>;
  }
  return <SelectField {...shared} options={options} empty={required && chosen >= 0 ? undefined : ''} value={chosen < 0 ? '' : String(chosen)} onChange={(event) => pick(event.target.value)} />;
}

function ManyField({ schema, root, path, required, value, errors, onChange, label }: OneProps & { label: string }) {
  const choices = choicesOf(resolve(schema.items ?? {}, root)) ?? [];
  const chosen = Array.isArray(value) ? (value as unknown[]) : [];
  return (
    <Field id={path} group label={label} hint={helpOf(schema)} error={errors[path]} required={required}>
      <div className={css.choices} role="group" aria-label={label}>
        {choices.map((choice) => (
          <CheckField key={String(choice.value)} label={choice.label} checked={chosen.includes(choice.value)}
            onChange={(event) => onChange(event.target.checked ? [...chosen, choice.value] : chosen.filter((each) => each !== choice.value))} />
        ))}
      </div>
    </Field>
  );
}

function ListField({ schema, root, path, required, value, errors, onChange, label, prefix }: OneProps & { label: string }) {
  const { t } = useTranslation();
  const items = resolve(schema.items ?? {}, root);
  const entries = Array.isArray(value) ? (value as unknown[]) : [];
  const replace = (i: number, next: unknown) => onChange(entries.map((each, at) => (at === i ? next : each)));
  const rows = kindOf(items) === 'group';
  return (
    <Field id={path} group label={label} hint={helpOf(schema)} error={errors[path]} required={required}>
      <div className={css.list}>
        {entries.map((entry, i) => (
          <div key={i} className={css.entry} data-path={`${path}/${i}`}>
            {rows ? (
              <div className={css.card}>
                <Fields schema={items} root={root} path={`${path}/${i}`} prefix={prefix} value={(entry as Value | undefined) ?? {}} errors={errors} onChange={(next) => replace(i, next)} />
              </div>
            ) : (
              <One schema={{ ...items, title: `${titleOf(items, label)} ${i + 1}` }} root={root} name={label} path={`${path}/${i}`} required={false}
                value={entry} errors={errors} onChange={(next) => replace(i, next)} prefix={prefix} />
            )}
            <IconButton label={t('form.remove', { what: `${label} ${i + 1}` })} onClick={() => onChange(entries.filter((_, at) => at !== i))}><X size={15} aria-hidden /></IconButton>
          </div>
        ))}
        <div><Button small icon={<Plus size={14} aria-hidden />} onClick={() => onChange([...entries, defaultsOf(items, root) ?? (rows ? {} : '')])}>{t('form.add')}</Button></div>
      </div>
    </Field>
  );
}

/** `datetime-local` speaks local time without a zone; the API takes UTC. */
function toLocal(value: unknown): string {
  if (typeof value !== 'string' || !value) return '';
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? '' : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const fromLocal = (text: string) => (text ? new Date(text).toISOString() : undefined);
