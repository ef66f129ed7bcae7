//! The page at `/docs`: the OpenAPI document made readable here, without a script from anywhere.

use axum::http::HeaderMap;
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use crate::pages::layout::{self, Page};

/// The methods in the order in which a path's calls are shown. HEAD is shown where it is not what GET is without a body.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// The page's content, for the document.
pub(super) fn content(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let empty = Vec::new();
    let tags = document["tags"].as_array().unwrap_or(&empty);
    let body = html! {
        div.docs {
            nav.docs-contents aria-label="Calls" {
                @for tag in tags {
                    h2 { (word(&tag["name"])) }
                    ul { @for call in calls(&document, tag) { li { (call.link()) } } }
                }
                h2 { "shapes" }
                ul { @for (name, _) in schemas(&document) { li { a href={ "#" (name) } { (name) } } } }
            }
            div.docs-text {
                h1 { "The API of Reelmill" }
                p { (prose(&document["info"]["description"])) }
                p { "For machines: " a href="/openapi.json" { "openapi.json" } ". Errors: " a href="/problems" { "problems" } "." }
                (example())
                @for tag in tags {
                    h2 id=(word(&tag["name"])) { (word(&tag["name"])) }
                    p { (prose(&tag["description"])) }
                    @for call in calls(&document, tag) { (call.section()) }
                }
                h2 { "Shapes" }
                @for (name, schema) in schemas(&document) { (shape(name, schema)) }
            }
        }
    };
    body.into_string()
}

pub(super) fn answer(content: &str, headers: &HeaderMap) -> Page {
    let signed_in = crate::pages::seems_signed_in(headers);
    layout::page("API", signed_in, &PreEscaped(content.to_owned()))
}

/// Something to paste into a shell at once.
fn example() -> Markup {
    html! {
        pre.docs-example { code {
            "curl -u me@example.org http://localhost:8080/v1/session -X POST      # the token\n"
            "curl -H \"Authorization: Bearer $TOKEN\" -T talk.mp4 \\\n"
            "     -X POST 'http://localhost:8080/v1/convert?to=mp3' -o talk.mp3   # a small file at once\n"
        } }
    }
}

/// One method of one path.
struct Call<'a> {
    path: &'a str,
    method: &'static str,
    operation: &'a Value,
}

fn calls<'a>(document: &'a Value, tag: &Value) -> Vec<Call<'a>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let every = paths.flat_map(|(path, item)| {
        let methods = METHODS.into_iter().filter(move |method| *method != "head" || item["get"].is_null());
        methods.map(move |method| Call { path, method, operation: &item[method] })
    });
    every.filter(|call| call.operation["tags"][0] == tag["name"]).collect()
}

impl Call<'_> {
    fn id(&self) -> String {
        format!("{}{}", self.method, self.path.replace(['/', '{', '}'], "-"))
    }

    fn link(&self) -> Markup {
        html! { a href={ "#" (self.id()) } { (self.method.to_uppercase()) " " (self.path) } }
    }

    fn section(&self) -> Markup {
        let operation = self.operation;
        html! {
            section.docs-call id=(self.id()) {
                h3 { span.docs-method { (self.method.to_uppercase()) } " " code { (self.path) } }
                p { strong { (prose(&operation["summary"])) } " " (prose(&operation["description"])) }
                (self.parameters())
                (self.body())
                (self.answers())
            }
        }
    }

    fn parameters(&self) -> Markup {
        let parameters = self.operation["parameters"].as_array();
        html! {
            @if let Some(parameters) = parameters {
                table {
                    thead { tr { th { "Parameter" } th { "Where" } th { "Type" } th { "Meaning" } } }
                    tbody {
                        @for parameter in parameters {
                            tr {
                                td { code { (word(&parameter["name"])) } @if parameter["required"] == true { " *" } }
                                td { (word(&parameter["in"])) }
                                td { (type_of(&parameter["schema"])) }
                                td { (prose(&parameter["description"])) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn body(&self) -> Markup {
        let contents = self.operation["requestBody"]["content"].as_object();
        html! {
            @for (media_type, content) in contents.into_iter().flatten() {
                p { "Body: " code { (media_type) } " " (type_of(&content["schema"])) }
                (example_of(content))
            }
        }
    }

    fn answers(&self) -> Markup {
        let responses = self.operation["responses"].as_object();
        html! {
            table {
                thead { tr { th { "Answer" } th { "Body" } th { "Meaning" } } }
                tbody {
                    @for (status, response) in responses.into_iter().flatten() {
                        tr {
                            td { code { @if status == "default" { "4xx, 5xx" } @else { (status) } } }
                            td {
                                @for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                                    (type_of(&content["schema"])) " " small { (media_type) }
                                }
                            }
                            td { (prose(&response["description"])) }
                        }
                    }
                }
            }
            @for (_, response) in responses.into_iter().flatten() {
                @for (_, content) in response["content"].as_object().into_iter().flatten() { (example_of(content)) }
            }
        }
    }
}

fn example_of(content: &Value) -> Markup {
    html! {
        @if let Some(example) = content.get("example") {
            pre.docs-example { code { (serde_json::to_string_pretty(example).unwrap_or_default()) } }
        }
    }
}

fn schemas(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document["components"]["schemas"].as_object().into_iter().flatten()
}

fn shape(name: &str, schema: &Value) -> Markup {
    let required = |field: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field))
    };
    html! {
        section.docs-shape id=(name) {
            h3 { (name) }
            p { (prose(&schema["description"])) @if schema["enum"].is_array() { " " (type_of(schema)) } }
            @if let Some(fields) = schema["properties"].as_object() {
                table {
                    thead { tr { th { "Field" } th { "Type" } th { "Meaning" } } }
                    tbody {
                        @for (field, schema) in fields {
                            tr {
                                td { code { (field) } @if required(field) { " *" } }
                                td { (type_of(schema)) }
                                td { (prose(&schema["description"])) }
                            }
                        }
                    }
                }
            }
            (example_of(schema))
        }
    }
}

/// A schema's type in a few words, with a link where it has a name.
fn type_of(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a href={ "#" (name) } { (name) } };
    }
    let choices = ["oneOf", "anyOf", "allOf"].into_iter().find_map(|key| schema[key].as_array());
    if let Some(choices) = choices {
        return html! { @for (at, choice) in choices.iter().enumerate() { @if at > 0 { " or " } (type_of(choice)) } };
    }
    if let Some(values) = schema["enum"].as_array() {
        return html! { @for (at, value) in values.iter().enumerate() { @if at > 0 { ", " } code { (word(value)) } } };
    }
    if schema.get("items").is_some() {
        return html! { "list of " (type_of(&schema["items"])) };
    }
    match &schema["type"] {
        Value::Array(types) => {
            html! { @for (at, one) in types.iter().enumerate() { @if at > 0 { " or " } (word(one)) } }
        }
        one => html! { (word(one)) },
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text with `code` in backticks.
fn prose(value: &Value) -> Markup {
    html! {
        @for (at, piece) in word(value).split('`').enumerate() {
            @if at % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}
