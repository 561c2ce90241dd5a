"""What LiteLLM's keys mean here: where each goes, or why it goes nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from pixelrelay.config.models import GroupConfig

_TRIED_AGAIN = "what is tried again, and where, is decided of a request as a whole: num_retries of router_settings"

STRATEGIES: Mapping[str, str] = {
    "simple-shuffle": "weighted",
    "least-busy": "least-busy",
    "usage-based-routing": "usage",
    "usage-based-routing-v2": "usage",
    "latency-based-routing": "latency",
    "cost-based-routing": "cost",
}
USUAL_STRATEGY: str = GroupConfig.model_fields["strategy"].default

MOVED: Mapping[str, str] = {
    "rpm": "requests_per_minute",
    "max_parallel_requests": "concurrent",
    "order": "order",
    "tags": "tags",
    "extra_headers": "extra_headers",
    "headers": "extra_headers",
    "extra_body": "extra_body",
}
"""Keys of ``litellm_params`` that say the same here under another name, or under the same."""

THEIRS: Mapping[str, str] = {
    "endpoint": "api_base",
    "base_url": "api_base",
    "provider": "model",
    "aws_region": "aws_region_name",
    "profile": "aws_profile_name",
    "project": "vertex_project",
    "location": "vertex_location",
    "credentials_file": "vertex_credentials",
    "credentials_info": "vertex_credentials",
    "access_token": "vertex_credentials",
    "requests_per_minute": "rpm",
    "concurrent": "max_parallel_requests",
    "timeouts": "timeout",
    "cooldown": "cooldown_time",
}
"""What our keys of a deployment are called there, for whoever has to put something right."""

READ_ELSEWHERE = frozenset(
    {
        "model", "custom_llm_provider", "api_base", "base_url", "api_key", "api_version", "base_model", "organization",
        "weight", "timeout", "drop_params", "additional_drop_params", "region_name", "litellm_credential_name",
        "tenant_id", "client_id", "client_secret", "azure_ad_token_provider", "model_info",
        "max_budget", "budget_duration", "cooldown_time",
    }
)  # fmt: skip
"""Keys of ``litellm_params`` that have a meaning and are not simply moved."""

PARAMS: Mapping[str, str] = {
    "tpm": "no provider of pictures counts tokens a minute here; rpm holds, and is waited for",
    "itpm": "no provider of pictures counts tokens a minute here; rpm holds, and is waited for",
    "otpm": "no provider of pictures counts tokens a minute here; rpm holds, and is waited for",
    "tpd": "limits are those of a minute",
    "rpd": "limits are those of a minute",
    "stream_timeout": "a picture takes as long in a stream as without one; timeout holds for both",
    "max_retries": _TRIED_AGAIN,
    "num_retries": _TRIED_AGAIN,
    "mock_response": "nothing is made up; pixelrelay.testing emulates every provider",
    "azure_ad_token": "a token that ends within the hour is no use in a file; give tenant_id, client_id and "
    "client_secret, or api_key",
    "aws_role_name": "roles are taken on by a profile: aws_profile_name",
    "aws_session_name": "roles are taken on by a profile: aws_profile_name",
    "aws_external_id": "roles are taken on by a profile: aws_profile_name",
    "aws_web_identity_token": "it is found wherever AWS's own tools look for it: AWS_WEB_IDENTITY_TOKEN_FILE",
    "aws_sts_endpoint": "roles are taken on by a profile: aws_profile_name",
    "configurable_clientside_auth_params": "callers cannot bring keys or addresses of their own",
    "input_cost_per_second": "no picture is priced by the second here",
    "output_cost_per_second": "no picture is priced by the second here",
}
"""Why keys of ``litellm_params`` have no meaning here."""

INFO = "is kept by LiteLLM for its own pages and lists; nothing here reads it"
UNKNOWN_PARAM = "is no setting, and no parameter of the model that is known"
UNKNOWN = "is not known here"
SELF_TUNED = "what follows each failure is one table here, which docs/errors.md shows"

ROUTER: Mapping[str, str] = {
    "enable_pre_call_checks": "every deployment's limits and abilities are looked at before each call anyway",
    "context_window_fallbacks": "prompts of pictures fill no context window",
    "routing_strategy_args": "the strategies need no tuning",
    "allowed_fails_policy": SELF_TUNED,
    "retry_after": "how long to wait is known: by quotas, and by what providers ask",
    "max_fallbacks": "the chain of fallbacks is followed within the deadline and max_attempts",
    "enable_tag_filtering": "the tags of a call narrow the choice anyway",
    "tag_filtering_match_any": "a deployment has to carry all of the tags that a call names",
    "cache_responses": "pictures are not cached",
    "caching_groups": "pictures are not cached",
    "cache_kwargs": "pictures are not cached",
    "client_ttl": "connections are kept as long as they are good",
    "polling_interval": "waiting needs no polling",
    "default_priority": "a higher priority of a call waits less; there is none by default",
    "default_max_parallel_requests": "what an account may use is said of each deployment: max_parallel_requests",
    "stream_timeout": PARAMS["stream_timeout"],
    "set_verbose": "the log is Python's: logging.getLogger('pixelrelay')",
    "debug_level": "the log is Python's: logging.getLogger('pixelrelay')",
    "optional_pre_call_checks": "every deployment's limits and abilities are looked at before each call anyway",
    "alerting_config": "alerts are made from metrics: docs/metrics.md",
    "disable_cooldowns": "a deployment that fails again and again is always left alone for a while",
    "ignore_invalid_deployments": "a deployment that cannot work is told at once",
    "redis_startup_nodes": "a cluster is one address: redis_url with redis+cluster://",
}

LITELLM: Mapping[str, str] = {
    "context_window_fallbacks": ROUTER["context_window_fallbacks"],
    "set_verbose": ROUTER["set_verbose"],
    "json_logs": "what is logged is yours to format; every event has its fields (docs/metrics.md)",
    "cache": "pictures are not cached",
    "modify_params": "what may be changed of a request is named: adapt",
    "turn_off_message_logging": "no prompt and no picture is ever logged",
    "redact_user_api_key_info": "no key is ever logged",
    "ssl_verify": "certificates are always checked; SSL_CERT_FILE adds one of your own",
    "telemetry": "nothing is sent to anybody but your providers",
    "enable_azure_ad_token_refresh": "with tenant_id, client_id and client_secret tokens are always refreshed",
    "callbacks": "",
    "success_callback": "",
    "failure_callback": "",
    "service_callback": "",
}
LITELLM = {
    name: why or "whoever wants to know of requests is an observer, or reads the metrics: docs/metrics.md"
    for name, why in LITELLM.items()
}

GENERAL = "is about LiteLLM's server, its database or its pages; docs/gateway.md tells what the gateway here is told"
SECTIONS: Mapping[str, str] = {
    "mcp_servers": "there are no tools here, only pictures",
    "guardrails": "prompts go to the providers as they are, which have moderation of their own",
    "prompts": "prompts come with each call",
    "callback_settings": LITELLM["callbacks"],
    "vector_store_registry": "there are no documents here, only pictures",
    "files_settings": "there are no files here, only pictures",
    "finetune_settings": "there is no training here, only pictures",
    "search_tools": "there are no tools here, only pictures",
    "worker_registry": "is about LiteLLM's server, its database or its pages",
}
"""Why whole sections have no meaning here."""
