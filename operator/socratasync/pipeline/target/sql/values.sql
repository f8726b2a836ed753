-- read_stage_columns --
-- A stage's columns: what their types are made of in the end, domains unfolded, and whether they take nulls.
WITH RECURSIVE below AS (
    SELECT a.attnum, a.attname AS name, a.atttypid AS type, false AS refuses_null
    FROM pg_attribute a
    WHERE a.attrelid = to_regclass(%(stage)s) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, b.name, t.typbasetype, b.refuses_null OR t.typnotnull
    FROM below b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd')
SELECT b.name, format_type(b.type, NULL) AS base, NOT b.refuses_null AS takes_null
FROM below b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd' ORDER BY b.attnum

-- read_types --
-- The same for types that no stage has yet.
WITH RECURSIVE below AS (
    SELECT given.number, given.name, to_regtype(given.type)::oid AS type, false AS refuses_null
    FROM unnest(%(names)s::text[], %(types)s::text[]) WITH ORDINALITY AS given (name, type, number)
    UNION ALL
    SELECT b.number, b.name, t.typbasetype, b.refuses_null OR t.typnotnull
    FROM below b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd')
SELECT b.name, format_type(b.type, NULL) AS base, NOT b.refuses_null AS takes_null
FROM below b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd' ORDER BY b.number

-- hand_over --
-- Rows, as an array of arrays, for the statements of this transaction.
SELECT set_config('socratasync.sample', %(rows)s, true)

-- try_rows --
-- What judge_page finds of rows, found without a stage, in a session that only reads. The record gets its types from a
-- query without rows: a domain may refuse the null that it would begin with.
DO $tried$
DECLARE
    raw record;
    made record;
    bad text[];
    kept boolean;
    why text;
    nulled bigint := 0;
    skipped bigint := 0;
    values_bad bigint := 0;
    forgiven bigint := 0;
    examples jsonb := '[]';
BEGIN
    SELECT {nothing} INTO made WHERE false;
    FOR raw IN SELECT {cells}, {escaped} AS ":escaped"
        FROM jsonb_array_elements(current_setting('socratasync.sample')::jsonb)
            WITH ORDINALITY AS given (cells, number) ORDER BY given.number LOOP
        bad := ARRAY[]::text[];
        kept := true;
        BEGIN
            IF raw.":escaped" THEN
                RAISE data_exception;
            END IF;
            {assignments}
        EXCEPTION WHEN OTHERS THEN
            {attempts}
        END;
        values_bad := values_bad + cardinality(bad);
        IF kept THEN
            nulled := nulled + cardinality(bad);
        ELSE
            skipped := skipped + 1;
        END IF;
    END LOOP;
    PERFORM set_config('socratasync.judged', jsonb_build_object('nulled', nulled, 'skipped', skipped,
        'values', values_bad, 'forgiven', forgiven, 'examples', examples)::text, true);
END
$tried$

-- create_loose --
-- A page's rows as text, for as long as its transaction lasts. Not temporary: a role may lack that right.
CREATE UNLOGGED TABLE {loose} ({columns}, ":id" text NOT NULL, ":arrival" bigint GENERATED ALWAYS AS IDENTITY)

-- judge_page --
-- Each row from text into the stage's types, by PL/pgSQL's assignments, which refuse what COPY refuses. Rows
-- whose values all fit take one block; only in the others is every value tried by itself.
DO $judge$
DECLARE
    raw record;
    made {stage}%ROWTYPE;
    bad text[];
    kept boolean;
    why text;
    odd bigint := 0;
    nulled bigint := 0;
    skipped bigint := 0;
    values_bad bigint := 0;
    forgiven bigint := 0;
    examples jsonb := '[]';
BEGIN
    FOR raw IN SELECT l.*, {escaped} AS ":escaped" FROM {loose} l ORDER BY l.":arrival" LOOP
        bad := ARRAY[]::text[];
        kept := true;
        BEGIN
            IF raw.":escaped" THEN
                RAISE data_exception;
            END IF;
            {assignments}
        EXCEPTION WHEN OTHERS THEN
            odd := odd + 1;
            {attempts}
        END;
        values_bad := values_bad + cardinality(bad);
        IF kept THEN
            nulled := nulled + cardinality(bad);
            INSERT INTO {stage} ({columns}) VALUES ({values});
        ELSE
            skipped := skipped + 1;
            INSERT INTO {skipped} (":id") VALUES (raw.":id");
        END IF;
    END LOOP;
    PERFORM set_config('socratasync.judged', jsonb_build_object('odd', odd, 'nulled', nulled,
        'skipped', skipped, 'values', values_bad, 'forgiven', forgiven, 'examples', examples)::text, true);
END
$judge$

-- attempt --
-- One value of a row that is not all right: as it is, then in PostgreSQL's spelling. What still does not fit is
-- noted, and leaves NULL, or the row out.
BEGIN
    {as_it_is}
EXCEPTION WHEN OTHERS THEN
    IF NOT (SQLSTATE LIKE ANY ({states})) THEN
        RAISE;
    END IF;
    why := SQLERRM;
    BEGIN
        {respelled}
    EXCEPTION WHEN OTHERS THEN
        IF NOT (SQLSTATE LIKE ANY ({states})) THEN
            RAISE;
        END IF;
        bad := bad || {name}::text;
        IF {is_told} THEN
            examples := examples || jsonb_build_object('row', raw.":id", 'column', {name}::text,
                'value', left(raw.{column}, {most_characters}), 'why', left(why, {most_characters}));
        END IF;
        IF {is_forgiven} THEN
            forgiven := forgiven + 1;
        END IF;
        IF {nulls} THEN
            made.{column} := NULL;
        ELSE
            kept := false;
        END IF;
    END;
END;

-- is_one_of_few --
-- Of a page only some such values are told.
jsonb_array_length(examples) < {most}

-- is_first_of_column --
-- Of a sample one of each column: so a person learns at once of all types that do not do.
NOT examples @> jsonb_build_array(jsonb_build_object('column', {name}::text))

-- plain --
-- A value as it came.
made.{column} := raw.{column};

-- unescaped --
-- A text in which bytes that no text can hold, or not for certain, were written as U&'\0001' and two hexadecimal digits:
-- PostgreSQL itself says whether it takes them.
IF strpos(raw.{column}, chr(1)) > 0 THEN
    made.{column} := (
        SELECT convert_from(string_agg(CASE part.number WHEN 1 THEN convert_to(part.text, 'UTF8')
            ELSE decode(left(part.text, 2), 'hex') || convert_to(substr(part.text, 3), 'UTF8') END,
            ''::bytea ORDER BY part.number), 'UTF8')
        FROM unnest(string_to_array(raw.{column}, chr(1))) WITH ORDINALITY AS part (text, number));
ELSE
    made.{column} := raw.{column};
END IF;

-- as_whole_number --
-- 1000010100.00000000 and 1E+5 without fraction and exponent, where nothing is lost by that.
made.{column} := CASE WHEN raw.{column} ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{{1,3}})?$'
    THEN CASE WHEN raw.{column}::numeric = trunc(raw.{column}::numeric)
        THEN trunc(raw.{column}::numeric)::text ELSE raw.{column} END
    ELSE raw.{column} END;

-- as_time --
-- A year before 1, which ISO 8601 counts as 0000, -0001 and so on, as PostgreSQL writes it: 0001 BC, 0002 BC; and a
-- year beyond 9999 without its plus.
made.{column} := CASE WHEN raw.{column} ~ '^(-[0-9]{{4,9}}|[+]?0{{4,9}})-'
    THEN (SELECT lpad(year.bc, greatest(4, length(year.bc)), '0')
            FROM (SELECT (1 - substring(raw.{column} from '^[+-]?[0-9]+')::bigint)::text) AS year (bc))
        || substring(raw.{column} from '^[+-]?[0-9]+(-.*)$') || ' BC'
    ELSE ltrim(raw.{column}, '+') END;

-- refuse_empty --
-- A geometry without a coordinate is none.
IF {is_empty}(made.{column}) THEN
    RAISE data_exception USING MESSAGE = 'the geometry is empty';
END IF;

-- as_location --
-- The point of a location, whose text ends in its latitude and longitude; of one that has none there is no point. An
-- answer that has points, as another interface's may, is taken as it is.
made.{column} := CASE WHEN raw.{column} ~ '^[A-Z]+ *[(]' THEN raw.{column} ELSE regexp_replace(
    substring(raw.{column} from '[(] *-?[0-9.]+(?:[eE][-+]?[0-9]+)? *, *-?[0-9.]+(?:[eE][-+]?[0-9]+)? *[)] *$'),
    '^[(] *([^ ,]+) *, *([^ )]+) *[)] *$', 'POINT (\2 \1)') END;
