-- Example tables for a first try, made when the database is created. A lab brings its own: remove this file, and
-- change deploy/syncd.yaml to match.

CREATE TABLE public.taxon (
    name        text PRIMARY KEY,
    parent_name text REFERENCES public.taxon (name)
);

CREATE TABLE public.annotation (
    annotation_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    media_uri     text NOT NULL,
    label         text,
    x             double precision,
    y             double precision,
    w             double precision,
    h             double precision,
    depth_m       double precision,
    verified      boolean NOT NULL DEFAULT false,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    updated_by    text NOT NULL DEFAULT current_user
);

CREATE INDEX annotation_media_uri ON public.annotation (media_uri);
CREATE INDEX annotation_updated_at ON public.annotation (updated_at);

-- A poll looks at the rows changed since the last one, so every change must move updated_at.
CREATE FUNCTION public.touch_annotation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE TRIGGER annotation_touched BEFORE UPDATE ON public.annotation
    FOR EACH ROW EXECUTE FUNCTION public.touch_annotation();
