import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { IntakeTool } from '../../api/intakes';
import { TextField } from '../../ui/Field';
import { Fields } from '../../ui/form/Fields';
import type { Schema } from '../../ui/form/schema';
import type { Errors } from '../../ui/form/validate';
import css from './Hooks.module.css';
import type { Reading } from './reading';

type ReadingFieldsProps = { tool: IntakeTool | undefined; reading: Reading; errors: Errors; onChange: (reading: Reading) => void; children?: ReactNode };

/** The arguments of the tool, drawn from its definition, and how often it is read; `children` follow in the same grid. */
export function ReadingFields({ tool, reading, errors, onChange, children }: ReadingFieldsProps) {
  const { t } = useTranslation();
  const prefix = useId();
  const schema = tool?.input_schema as Schema | undefined;
  return (
    <div className={css.two}>
      {schema && <Fields schema={schema} root={schema} path="arguments" prefix={prefix} value={reading.arguments} errors={errors} onChange={(given) => onChange({ ...reading, arguments: given })} />}
      <TextField label={t('hooks.every')} required inputMode="numeric" error={errors['every_seconds']} value={reading.seconds} onChange={(event) => onChange({ ...reading, seconds: event.target.value })} />
      {children}
    </div>
  );
}
