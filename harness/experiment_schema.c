/* SPDX-License-Identifier: BSD-2-Clause */
#include "experiment_schema.h"

#include "experiment.h"

/* Every scalar is read as text: it may hold ${...}, and experiment_load.c says better than a type
 * what is accepted. */
#define TEXT(key, s, m) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, s, m, 0, CYAML_UNLIMITED)
#define OPT_TEXT(key, s, m)                                                                        \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, s, m, 0, CYAML_UNLIMITED)
#define LIST(key, s, m, entry)                                                                     \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, s, m, &entry, 0,           \
                         CYAML_UNLIMITED)
#define OPT_MAP(key, s, m, fields)                                                                 \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, s, m, fields)

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t x_param_fields[] = {
    TEXT("name", struct x_param, name),
    TEXT("value", struct x_param, value),
    OPT_TEXT("quick", struct x_param, quick),
    OPT_TEXT("about", struct x_param, about),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_param_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_param, x_param_fields)};

static const cyaml_schema_field_t x_program_fields[] = {
    TEXT("host", struct x_program, host),
    TEXT("program", struct x_program, program),
    LIST("set", struct x_program, set, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_program_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_program, x_program_fields)};

static const cyaml_schema_field_t x_endpoint_fields[] = {
    TEXT("link", struct x_endpoint, link),
    OPT_TEXT("family", struct x_endpoint, family),
    OPT_TEXT("id", struct x_endpoint, id),
    OPT_TEXT("port", struct x_endpoint, port),
    LIST("flags", struct x_endpoint, flags, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_endpoint_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_endpoint, x_endpoint_fields)};

static const cyaml_schema_field_t x_mptcp_fields[] = {
    TEXT("host", struct x_mptcp, host),
    TEXT("manager", struct x_mptcp, manager),
    OPT_TEXT("family", struct x_mptcp, family),
    OPT_TEXT("subflows", struct x_mptcp, subflows),
    OPT_TEXT("add_addr_accepted", struct x_mptcp, add_addr_accepted),
    LIST("set", struct x_mptcp, set, text_entry),
    LIST("endpoints", struct x_mptcp, endpoints, x_endpoint_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_mptcp_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_mptcp, x_mptcp_fields)};

static const cyaml_schema_field_t x_event_fields[] = {
    OPT_TEXT("name", struct x_event, name),       TEXT("at", struct x_event, at),
    OPT_TEXT("link", struct x_event, link),       OPT_TEXT("direction", struct x_event, direction),
    OPT_TEXT("state", struct x_event, state),     OPT_TEXT("host", struct x_event, host),
    OPT_TEXT("program", struct x_event, program), OPT_TEXT("reset", struct x_event, reset),
    LIST("set", struct x_event, set, text_entry), CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_event_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_event, x_event_fields)};

static const cyaml_schema_field_t x_workload_fields[] = {
    TEXT("name", struct x_workload, name),
    OPT_TEXT("kind", struct x_workload, kind),
    OPT_TEXT("from", struct x_workload, from),
    OPT_TEXT("to", struct x_workload, to),
    OPT_TEXT("at", struct x_workload, at),
    OPT_TEXT("seconds", struct x_workload, seconds),
    OPT_TEXT("time_limit", struct x_workload, time_limit),
    OPT_TEXT("port", struct x_workload, port),
    OPT_TEXT("bytes", struct x_workload, bytes),
    OPT_TEXT("reverse", struct x_workload, reverse),
    OPT_TEXT("parallel", struct x_workload, parallel),
    OPT_TEXT("congestion", struct x_workload, congestion),
    OPT_TEXT("rate", struct x_workload, rate),
    OPT_TEXT("chunk", struct x_workload, chunk),
    OPT_TEXT("user_timeout", struct x_workload, user_timeout),
    OPT_TEXT("app_timeout", struct x_workload, app_timeout),
    OPT_TEXT("echo", struct x_workload, echo),
    OPT_TEXT("ping", struct x_workload, ping),
    OPT_TEXT("cpu", struct x_workload, cpu),
    OPT_TEXT("batch", struct x_workload, batch),
    OPT_TEXT("fast_open", struct x_workload, fast_open),
    OPT_TEXT("mptcp", struct x_workload, mptcp),
    OPT_TEXT("connections", struct x_workload, connections),
    OPT_TEXT("hold", struct x_workload, hold),
    OPT_TEXT("command", struct x_workload, command),
    OPT_TEXT("server", struct x_workload, server),
    OPT_TEXT("may_fail", struct x_workload, may_fail),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_workload_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_workload, x_workload_fields)};

static const cyaml_schema_field_t x_capture_fields[] = {
    TEXT("point", struct x_capture, point),
    OPT_TEXT("filter", struct x_capture, filter),
    OPT_TEXT("snaplen", struct x_capture, snaplen),
    LIST("variants", struct x_capture, variants, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_capture_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_capture, x_capture_fields)};

static const cyaml_schema_field_t x_check_fields[] = {
    TEXT("name", struct x_check, name),
    TEXT("point", struct x_check, point),
    OPT_TEXT("from", struct x_check, from),
    OPT_TEXT("port", struct x_check, port),
    OPT_TEXT("segments", struct x_check, segments),
    OPT_TEXT("option", struct x_check, option),
    OPT_TEXT("mptcp", struct x_check, mptcp),
    OPT_TEXT("to", struct x_check, to),
    OPT_TEXT("address", struct x_check, address),
    OPT_TEXT("id", struct x_check, id),
    OPT_TEXT("field", struct x_check, field),
    OPT_TEXT("value", struct x_check, value),
    OPT_TEXT("absent", struct x_check, absent),
    OPT_TEXT("may_be_empty", struct x_check, may_be_empty),
    LIST("variants", struct x_check, variants, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_check_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_check, x_check_fields)};

static const cyaml_schema_field_t x_measure_fields[] = {
    TEXT("name", struct x_measure, name),
    TEXT("kind", struct x_measure, kind),
    TEXT("point", struct x_measure, point),
    OPT_TEXT("from", struct x_measure, from),
    OPT_TEXT("port", struct x_measure, port),
    LIST("variants", struct x_measure, variants, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_measure_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_measure, x_measure_fields)};

static const cyaml_schema_field_t x_sockets_fields[] = {
    TEXT("name", struct x_sockets, name),
    TEXT("host", struct x_sockets, host),
    TEXT("port", struct x_sockets, port),
    OPT_TEXT("interval", struct x_sockets, interval),
    LIST("variants", struct x_sockets, variants, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_sockets_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_sockets, x_sockets_fields)};

static const cyaml_schema_field_t x_metric_fields[] = {
    TEXT("name", struct x_metric, name),
    TEXT("unit", struct x_metric, unit),
    TEXT("value", struct x_metric, value),
    LIST("variants", struct x_metric, variants, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_metric_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_metric, x_metric_fields)};

static const cyaml_schema_field_t x_pair_fields[] = {
    TEXT("name", struct x_pair, name),
    TEXT("of", struct x_pair, of),
    TEXT("than", struct x_pair, than),
    OPT_TEXT("ratio", struct x_pair, ratio),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_pair_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_pair, x_pair_fields)};

static const cyaml_schema_field_t x_variant_fields[] = {
    TEXT("name", struct x_variant, name),
    OPT_TEXT("about", struct x_variant, about),
    OPT_TEXT("family", struct x_variant, family),
    OPT_TEXT("bpf_stats", struct x_variant, bpf_stats),
    LIST("parameters", struct x_variant, parameters, text_entry),
    LIST("topology", struct x_variant, topology, text_entry),
    LIST("programs", struct x_variant, programs, x_program_entry),
    LIST("mptcp", struct x_variant, mptcp, x_mptcp_entry),
    LIST("workloads", struct x_variant, workloads, x_workload_entry),
    LIST("events", struct x_variant, events, x_event_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_variant_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_variant, x_variant_fields)};

static const cyaml_schema_field_t x_claim_fields[] = {
    OPT_TEXT("quick", struct x_claim, quick),
    TEXT("name", struct x_claim, name),
    TEXT("kind", struct x_claim, kind),
    TEXT("metric", struct x_claim, metric),
    OPT_TEXT("than", struct x_claim, than),
    OPT_TEXT("ratio", struct x_claim, ratio),
    OPT_TEXT("min", struct x_claim, min),
    OPT_TEXT("max", struct x_claim, max),
    OPT_TEXT("by", struct x_claim, by),
    OPT_TEXT("within", struct x_claim, within),
    LIST("variants", struct x_claim, variants, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_claim_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_claim, x_claim_fields)};

static const cyaml_schema_field_t x_figure_fields[] = {
    TEXT("name", struct x_figure, name),
    TEXT("script", struct x_figure, script),
    TEXT("metric", struct x_figure, metric),
    TEXT("title", struct x_figure, title),
    OPT_TEXT("xlabel", struct x_figure, xlabel),
    TEXT("ylabel", struct x_figure, ylabel),
    OPT_TEXT("scale", struct x_figure, scale),
    OPT_TEXT("reference", struct x_figure, reference),
    OPT_TEXT("relative_to", struct x_figure, relative_to),
    OPT_TEXT("mark", struct x_figure, mark),
    OPT_TEXT("logscale", struct x_figure, logscale),
    LIST("variants", struct x_figure, variants, text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_figure_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_figure, x_figure_fields)};

static const cyaml_schema_field_t x_bench_fields[] = {
    TEXT("name", struct x_bench, name),           OPT_TEXT("about", struct x_bench, about),
    TEXT("metric", struct x_bench, metric),       TEXT("variant", struct x_bench, variant),
    OPT_TEXT("over", struct x_bench, over),       TEXT("better", struct x_bench, better),
    TEXT("threshold", struct x_bench, threshold), CYAML_FIELD_END,
};
static const cyaml_schema_value_t x_bench_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct x_bench, x_bench_fields)};

static const cyaml_schema_field_t x_quick_fields[] = {
    OPT_TEXT("repetitions", struct x_quick, repetitions),
    LIST("variants", struct x_quick, variants, text_entry),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t x_calibrate_fields[] = {
    OPT_TEXT("delay", struct x_calibrate, delay),
    OPT_TEXT("rate", struct x_calibrate, rate),
    OPT_TEXT("budget", struct x_calibrate, budget),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t x_file_fields[] = {
    TEXT("name", struct x_file, name),
    TEXT("title", struct x_file, title),
    OPT_TEXT("about", struct x_file, about),
    OPT_TEXT("paper", struct x_file, paper),
    TEXT("topology", struct x_file, topology),
    OPT_TEXT("family", struct x_file, family),
    OPT_TEXT("repetitions", struct x_file, repetitions),
    OPT_TEXT("at_once", struct x_file, at_once),
    OPT_TEXT("time_limit", struct x_file, time_limit),
    OPT_TEXT("bpf_stats", struct x_file, bpf_stats),
    OPT_MAP("quick", struct x_file, quick, x_quick_fields),
    OPT_MAP("calibrate", struct x_file, calibrate, x_calibrate_fields),
    LIST("parameters", struct x_file, parameters, x_param_entry),
    LIST("set", struct x_file, set, text_entry),
    LIST("programs", struct x_file, programs, x_program_entry),
    LIST("mptcp", struct x_file, mptcp, x_mptcp_entry),
    LIST("workloads", struct x_file, workloads, x_workload_entry),
    LIST("events", struct x_file, events, x_event_entry),
    LIST("captures", struct x_file, captures, x_capture_entry),
    LIST("checks", struct x_file, checks, x_check_entry),
    LIST("measures", struct x_file, measures, x_measure_entry),
    LIST("sockets", struct x_file, sockets, x_sockets_entry),
    LIST("metrics", struct x_file, metrics, x_metric_entry),
    LIST("pairs", struct x_file, pairs, x_pair_entry),
    LIST("variants", struct x_file, variants, x_variant_entry),
    LIST("table", struct x_file, table, text_entry),
    LIST("claims", struct x_file, claims, x_claim_entry),
    LIST("figures", struct x_file, figures, x_figure_entry),
    LIST("bench", struct x_file, bench, x_bench_entry),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t experiment_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct x_file, x_file_fields)};
