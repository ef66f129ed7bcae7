//! Tasks made, listed, looked at, changed and deleted.

use axum::extract::{Request, State};
use reelmill_core::{Format, State as JobState};
use reelmill_service::{Error, Service, TaskView, Upload};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::accounts::{Message, read};
use super::{Bearer, ErrorBody, Number, Refusal};
use crate::http::{App, Fields, Form, Json, Problem, Query};

/// The form of a new task.
const FORM: Form =
    Form { files: &["audio", "file", "fileName"], fields: &["filename", "fileName", "newFormat"] };

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, delete))
        .routes(routes!(processed))
}

/// A conversion task.
#[derive(Serialize, ToSchema)]
#[schema(as = Task, example = json!({"id": 7, "name": "talk.wav", "originalExt": "wav", "convertedExt": "mp3", "timestamp": "2026-01-01T12:00:00Z", "state": "PROCESSED"}))]
struct TaskBody {
    /// Its number.
    id: i64,
    /// The original's file name.
    name: String,
    /// What that ends in.
    #[serde(rename = "originalExt")]
    original_ext: String,
    /// What the result's file name ends in.
    #[serde(rename = "convertedExt")]
    converted_ext: &'static str,
    /// When it was made: ISO 8601, UTC.
    timestamp: String,
    /// How far it is.
    #[schema(value_type = String, pattern = "^(UPLOADED|PROCESSING|PROCESSED|FAILED)$")]
    state: &'static str,
    /// Why it failed, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl From<TaskView> for TaskBody {
    fn from(TaskView { task, job }: TaskView) -> Self {
        let (state, message) = match job.state {
            // One that waits for another attempt has begun: clients see it go forward only.
            JobState::Queued { .. } if job.started_at.is_none() => ("UPLOADED", None),
            JobState::Queued { .. } | JobState::Running { .. } | JobState::Cancelling { .. } => {
                ("PROCESSING", None)
            }
            JobState::Done { .. } => ("PROCESSED", None),
            JobState::Failed { failure, .. } => ("FAILED", Some(failure.message)),
            JobState::Cancelled { .. } => ("FAILED", Some("the conversion was cancelled".to_owned())),
        };
        Self {
            id: task.number,
            original_ext: task.extension().to_owned(),
            converted_ext: task.format.extension(),
            timestamp: task.created_at.to_string(),
            name: task.name,
            state,
            message,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Part {
    /// At most so many.
    #[param(value_type = Option<u32>)]
    max: Option<String>,
    /// 0: the oldest first, else the newest.
    #[param(value_type = Option<i64>)]
    order: Option<String>,
}

/// List one's tasks.
#[utoipa::path(
    get, path = "/api/tasks", tag = "tasks", security(("bearer" = [])), params(Part),
    responses(
        (status = 200, description = "The tasks.", body = Vec<TaskBody>),
        (status = 400, description = "A number is none.", body = ErrorBody),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody)
    )
)]
async fn list(
    State(app): State<App>,
    Bearer(caller): Bearer,
    part: Result<Query<Part>, Problem>,
) -> Result<Json<Vec<TaskBody>>, Refusal> {
    let Query(Part { max, order }) = part?;
    let most = max.map(|max| number("max", &max)).transpose()?;
    let order = order.map(|order| integer("order", &order)).transpose()?;
    let tasks = app.service.tasks(&caller, order == Some(0), most).await?;
    Ok(Json(tasks.into_iter().map(TaskBody::from).collect()))
}

fn integer(name: &str, text: &str) -> Result<i64, Refusal> {
    text.trim().parse().map_err(|_| Refusal::bad(&format!("`{name}` is `{text}`, which is no integer")))
}

/// Whatever is more than can be asked for is as good as the most.
fn number(name: &str, text: &str) -> Result<u32, Refusal> {
    let number = integer(name, text)?;
    if number < 0 {
        return Err(Refusal::bad(&format!("`{name}` is {number}; it must not be negative")));
    }
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

/// What a new task is made of.
#[derive(ToSchema)]
#[schema(as = NewTask)]
#[expect(dead_code, reason = "describes the form, which is read as it arrives")]
struct FormBody {
    /// The file; `file` and `fileName` are the same. The fields may stand before it and behind it.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    audio: String,
    /// What the file is called; where it is not given, the file part's own name.
    filename: Option<String>,
    /// The format to be made, in any case.
    #[schema(rename = "newFormat")]
    new_format: String,
}

/// A task that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskCreated)]
struct Created {
    /// That it was.
    message: &'static str,
    /// The task.
    task: TaskBody,
}

/// Make a task.
#[utoipa::path(
    post, path = "/api/tasks", tag = "tasks", security(("bearer" = [])),
    request_body(content = FormBody, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "File and job are kept.", body = Created),
        (status = 400, description = "`Bad filename`, or `Invalid extension. Use …` with the formats that can be made here.", body = ErrorBody),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody),
        (status = 403, description = "A guest's token.", body = ErrorBody),
        (status = 413, description = "Too large.", body = ErrorBody),
        (status = 415, description = "Not media.", body = ErrorBody)
    )
)]
async fn create(
    State(app): State<App>,
    Bearer(caller): Bearer,
    request: Request,
) -> Result<Json<Created>, Refusal> {
    let (file, fields) = FORM.read(&app, request).await?;
    if let Some(format) = fields.text("newFormat") {
        // What is known to be wrong need not be uploaded first.
        format_of(&app.service, &format)?;
    }
    let part_name = file.name.clone();
    let upload = Upload { name: name_of(&fields, &part_name), ..file };
    let wish = || {
        let format = fields.text("newFormat").unwrap_or_default();
        let name = name_of(&fields, &part_name);
        Ok((name, format_of(&app.service, &format)?))
    };
    let task = app.service.create_task(&caller, upload, wish).await?.into();
    Ok(Json(Created { message: "Task created successfully", task }))
}

fn name_of(fields: &Fields, part_name: &str) -> String {
    fields.text("filename").or_else(|| fields.text("fileName")).unwrap_or_else(|| part_name.to_owned())
}

/// The format of that name where it can be made here.
fn format_of(service: &Service, name: &str) -> Result<Format, Error> {
    let (made, _) = service.formats();
    let format = Format::from_name(name.trim()).filter(|format| made.contains(format));
    format.ok_or_else(|| {
        let names: Vec<&str> = made.iter().map(|format| format.name()).collect();
        Error::invalid(format!("Invalid extension. Use {}", names.join(", ")))
    })
}

/// Look at a task.
#[utoipa::path(
    get, path = "/api/tasks/{id}", tag = "tasks", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The task's number.")),
    responses(
        (status = 200, description = "The task.", body = TaskBody),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody),
        (status = 404, description = "`Task not found`, also where it is another's.", body = ErrorBody)
    )
)]
async fn show(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Number(number): Number,
) -> Result<Json<TaskBody>, Refusal> {
    Ok(Json(app.service.task(&caller, number).await?.into()))
}

/// Another wish.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with newFormat")]
#[schema(as = TaskChange, example = json!({"newFormat": "ogg"}))]
struct Change {
    /// The format to be made, in any case.
    #[serde(rename = "newFormat")]
    new_format: String,
}

/// Want another format.
///
/// The task is converted again, and what was made before goes.
#[utoipa::path(
    put, path = "/api/tasks/{id}", tag = "tasks", security(("bearer" = [])), request_body = Change,
    params(("id" = i64, Path, description = "The task's number.")),
    responses(
        (status = 200, description = "The task, which waits again.", body = TaskBody),
        (status = 400, description = "`Bad request`, or `Invalid extension. Use …`", body = ErrorBody),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody),
        (status = 404, description = "`Task not found`, also where it is another's.", body = ErrorBody)
    )
)]
async fn change(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Number(number): Number,
    request: Request,
) -> Result<Json<TaskBody>, Refusal> {
    let Change { new_format } = read(request).await?;
    let format = format_of(&app.service, &new_format)?;
    Ok(Json(app.service.change_task(&caller, number, format).await?.into()))
}

/// Delete a task.
///
/// With its original and its result; a conversion that runs is stopped.
#[utoipa::path(
    delete, path = "/api/tasks/{id}", tag = "tasks", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The task's number.")),
    responses(
        (status = 200, description = "It is gone.", body = Message),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody),
        (status = 404, description = "`Task not found`, also where it is another's.", body = ErrorBody)
    )
)]
async fn delete(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Number(number): Number,
) -> Result<Json<Message>, Refusal> {
    app.service.delete_task(&caller, number).await?;
    Ok(Json(Message { message: "Task Delete succesfully" }))
}

/// Ask how a task stands, as a worker.
///
/// Workers of that system said here that they were done. Here they say it to the catalog, with the claim that they hold;
/// so this answers what is true, and whatever the body says changes nothing.
#[utoipa::path(
    post, path = "/api/tasks/{id}/processed", tag = "tasks", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The task's number.")),
    responses(
        (status = 200, description = "The task as it is.", body = TaskBody),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody),
        (status = 403, description = "Not an administrator's token or API key.", body = ErrorBody),
        (status = 404, description = "`Task not found`", body = ErrorBody)
    )
)]
async fn processed(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Number(number): Number,
) -> Result<Json<TaskBody>, Refusal> {
    Ok(Json(app.service.task_for_worker(&caller, number).await?.into()))
}
