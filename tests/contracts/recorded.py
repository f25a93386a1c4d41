"""Whole answers with thoughts and two calls, as the three large providers stream them."""

from typing import Any

CLAUDE, GPT, GEMINI = "claude-sonnet-5-5", "gpt-6-sol", "gemini-3.8-flash"
MODELS = {"compatible": "m", "anthropic": CLAUDE, "responses": GPT, "google": GEMINI}

ANTHROPIC: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "model": CLAUDE,
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 90, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "I "},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "see"},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "signature_delta", "signature": "S1"},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "redacted_thinking", "data": "XX"},
    },
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "thinking", "thinking": ""},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "signature_delta", "signature": "S2"},
    },
    {"type": "content_block_start", "index": 3, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "Both:"}},
    {
        "type": "content_block_start",
        "index": 4,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "shell", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 4,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":'},
    },
    {
        "type": "content_block_delta",
        "index": 4,
        "delta": {"type": "input_json_delta", "partial_json": "1}"},
    },
    {
        "type": "content_block_start",
        "index": 5,
        "content_block": {"type": "tool_use", "id": "toolu_2", "name": "shell", "input": {}},
    },
    {"type": "content_block_start", "index": 6, "content_block": {"type": "hologram", "x": 1}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}},
    },
    {"type": "message_stop"},
]
ITEM = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look."}]}
RESPONSES: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"model": GPT, "error": None}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}},
    {
        "type": "response.reasoning_summary_text.delta",
        "output_index": 0,
        "summary_index": 0,
        "delta": "Look.",
    },
    {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": {**ITEM, "encrypted_content": "ENC", "status": "completed"},
    },
    {"type": "response.output_text.delta", "output_index": 1, "delta": "Both:"},
    {
        "type": "response.output_item.done",
        "output_index": 1,
        "item": {"type": "message", "content": [{"type": "output_text", "text": "Both:"}]},
    },
    {
        "type": "response.output_item.added",
        "output_index": 2,
        "item": {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "shell"},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a":1}'},
    {
        "type": "response.output_item.done",
        "output_index": 2,
        "item": {
            "type": "function_call",
            "call_id": "call_1",
            "name": "shell",
            "arguments": '{"a":1}',
        },
    },
    {
        "type": "response.completed",
        "response": {
            "model": GPT,
            "output": [
                {},
                {},
                {},
                {"type": "function_call", "call_id": "call_2", "name": "shell", "arguments": "{}"},
            ],
            "usage": {
                "input_tokens": 95,
                "input_tokens_details": {"cached_tokens": 90},
                "output_tokens": 7,
                "output_tokens_details": {"reasoning_tokens": 3},
            },
        },
    },
]
GOOGLE: list[dict[str, Any]] = [
    {
        "candidates": [{"content": {"parts": [{"text": "Look.", "thought": True}]}}],
        "modelVersion": GEMINI,
    },
    {"candidates": [{"content": {"parts": [{"text": "Both:"}]}}]},
    {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {
                            "functionCall": {"name": "shell", "args": {"a": 1}},
                            "thoughtSignature": "U0lH",
                        },
                        {"functionCall": {"id": "f2", "name": "shell", "args": {}}},
                    ]
                }
            }
        ]
    },
    {
        "candidates": [{"content": {"parts": []}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 95,
            "cachedContentTokenCount": 90,
            "candidatesTokenCount": 4,
            "thoughtsTokenCount": 3,
        },
    },
]
ANSWERS = {"anthropic": ANTHROPIC, "responses": RESPONSES, "google": GOOGLE}
