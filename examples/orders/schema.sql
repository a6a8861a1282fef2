-- The warehouse. Nothing in it knows of sluice: the pipeline brings its own schema, `sluice`.

create schema raw;
create schema enriched;
create schema reporting;

-- Bronze: each order in its latest version, as it came.
create table raw.orders (
  id        text primary key,
  document  jsonb not null,
  landed_at timestamptz not null default now()
);

-- Silver: the valid ones, typed, with region and currency.
create table enriched.orders (
  id       text primary key,
  day      date not null,
  customer text not null,
  region   text not null,
  currency text not null,
  total    numeric(12, 2) not null
);

-- Gold: what people look at.
create table reporting.daily_sales (
  day      date,
  region   text,
  currency text,
  orders   bigint not null,
  total    numeric(14, 2) not null,
  primary key (day, region, currency)
);
