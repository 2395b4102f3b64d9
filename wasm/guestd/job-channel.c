#include "job-channel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "failure.h"
#include "json-writer.h"
#include "json.h"
#include "log.h"
#include "job-input.h"
#include "job-output.h"
#include "job.h"
#include "stream.h"

static int on_frame(void *owner, const struct frame *frame) {
    struct job *job = owner;
    if (frame->kind == FRAME_STDIN && !job->input_ended)
        return (int)job_input_write(job, frame->payload, frame->length);
    if (frame->kind != FRAME_STDIN_END || job->input_ended)
        return -EPROTO;
    job->input_ended = true;
    job_input_end(job);
    return 0;
}

static void on_drained(void *owner) {
    job_output_update(owner);
}

/* After `stdin-end` the host has nothing more to say; before, it has left. */
static bool on_ended(void *owner) {
    const struct job *job = owner;
    return job->input_ended;
}

static void on_closed(void *owner) {
    job_detach(owner);
}

static const struct stream_handler handler = {
    .frame = on_frame, .drained = on_drained, .ended = on_ended, .closed = on_closed};

static void put_offsets(struct json_writer *json, uint64_t out, uint64_t error) {
    json_name(json, "offsets");
    json_open_object(json);
    json_name(json, "stdout");
    json_put_unsigned(json, out);
    json_name(json, "stderr");
    json_put_unsigned(json, error);
    json_close_object(json);
}

/* Send a frame of JSON and free it. */
static void send(struct stream *stream, uint8_t kind, struct json_writer *json) {
    if (json->failed)
        stream_close(stream);
    else
        stream_send(stream, kind, json->text, json->length);
    json_writer_free(json);
}

static void send_failed(struct stream *stream, const struct failure *failure) {
    struct json_writer json = {0};
    failure_put(&json, failure);
    send(stream, FRAME_FAILED, &json);
}

void job_channel_failed(struct job *job) {
    log_line("%.12s %s: not started: %s", job->container, job->name, job->failure.message);
    send_failed(job->stream, &job->failure);
}

void job_channel_started(struct job *job) {
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "pid");
    json_put_integer(&json, job->spawned.pid);
    put_offsets(&json, 0, 0);
    json_name(&json, "timings");
    json_open_object(&json);
    const volatile struct timings *timings = job->spawned.timings;
    const struct {
        const char *name;
        uint32_t microseconds;
    } stages[] = {{"spawn", job->spawn_time}, {"cgroup", timings->cgroup},   {"clone", timings->clone},
                  {"rootfs", timings->rootfs},    {"mounts", timings->mounts},   {"process", timings->process},
                  {"exec", job->exec_time}};
    for (size_t index = 0; index < sizeof stages / sizeof *stages; index++) {
        json_name(&json, stages[index].name);
        json_put_unsigned(&json, stages[index].microseconds);
    }
    json_close_object(&json);
    json_close_object(&json);
    stream_send(job->stream, FRAME_STARTED, json.text, json.length);
    json_writer_free(&json);
    /* Ends at once what a terminal doesn't have. */
    job_output_replay(&job->outputs[0], 0);
    job_output_replay(&job->outputs[1], 0);
    job_output_update(job);
    stream_resume(job->stream);
}

void job_channel_exited(struct job *job) {
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "code");
    json_put_unsigned(&json, job->exit_code);
    json_name(&json, "oomKilled");
    json_put_boolean(&json, job->oom_killed);
    json_close_object(&json);
    stream_send(job->stream, FRAME_EXITED, json.text, json.length);
    json_writer_free(&json);
}

/* Take a process up where the host left it. */
static int attach(struct stream *stream, const struct json_value *open, struct failure *failure) {
    struct job *job = job_refer(json_get(open, "process"), failure);
    if (job == NULL)
        return -ENOENT;
    if (job->state < JOB_RUNNING)
        return fail(failure, "not-running", EAGAIN, "it is being started");
    const struct json_value *offsets = json_get(open, "offsets");
    const char *const names[2] = {"stdout", "stderr"};
    uint64_t from[2];
    for (int index = 0; index < 2; index++) {
        const struct output *output = &job->outputs[index];
        from[index] = json_unsigned(json_get(offsets, names[index]), 0);
        if (from[index] > output->total)
            return fail(failure, "invalid", EINVAL, "offset beyond what %s has sent", names[index]);
        if (from[index] < job_output_kept(output))
            from[index] = job_output_kept(output);
    }
    if (job->stream != NULL)
        stream_close(job->stream);
    job->stream = stream;
    job->exited_sent = job->input_ended = false;
    loop_watch(&job->input, 0);
    stream_hand_over(stream, &handler, job);
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "pid");
    json_put_integer(&json, job->spawned.pid);
    put_offsets(&json, from[0], from[1]);
    json_close_object(&json);
    stream_send(stream, FRAME_STARTED, json.text, json.length);
    json_writer_free(&json);
    job_output_replay(&job->outputs[0], from[0]);
    job_output_replay(&job->outputs[1], from[1]);
    job_output_update(job);
    job_settle(job);
    return 0;
}

static int spawn(struct job *job, pid_t init, const struct json_value *open, struct failure *failure) {
    if (job->kind == JOB_CONTAINER)
        return runtime_run(open, &job->spawned, failure);
    if (job->kind == JOB_EXEC)
        return runtime_exec(open, init, &job->spawned, failure);
    return runtime_run_host(open, &job->spawned, failure);
}

static int start(struct stream *stream, enum job_kind kind, const struct json_value *open,
                 struct failure *failure) {
    const char *container = kind == JOB_HOST ? "" : json_text(json_get(open, "container"), "");
    const char *member = kind == JOB_HOST ? "host" : "exec";
    const char *name = kind == JOB_CONTAINER ? "" : json_text(json_get(open, member), "");
    if (kind != JOB_HOST && !job_container_valid(container))
        return fail(failure, "invalid", EINVAL, "a container's id is 64 hex characters");
    if (kind != JOB_CONTAINER && !job_id_valid(name))
        return fail(failure, "invalid", EINVAL, "no valid id of %s", member);
    const struct job *init = job_find(JOB_CONTAINER, container, "");
    if (kind == JOB_CONTAINER && init != NULL && init->state == JOB_EXITED) {
        job_forget_container(container);
        init = NULL;
    }
    if (kind == JOB_EXEC && init == NULL)
        return fail(failure, "no-container", ENOENT, "no such container: %s", container);
    if (kind == JOB_EXEC && init->state != JOB_RUNNING)
        return fail(failure, "not-running", ESRCH, "container %s is not running", container);
    if (job_find(kind, container, name) != NULL)
        return fail(failure, "exists", EEXIST, "there is one of that name already");
    struct job *job = job_new(kind, container, name);
    if (job == NULL)
        return fail(failure, "failed", ENOMEM, "out of memory");
    log_line("start %.12s %s request %s", container, name, json_text(json_get(open, "requestId"), "-"));
    const int error = spawn(job, init == NULL ? -1 : init->spawned.pid, open, failure);
    if (error < 0) {
        job_drop(job);
        return error;
    }
    job->stream = stream;
    stream_hand_over(stream, &handler, job);
    stream_pause(stream); /* stdin may follow at once, and waits for its reader */
    job_watch(job);
    return 0;
}

int job_channel_open(struct stream *stream, const struct json_value *open) {
    struct failure failure = {.code = "failed"};
    const char *op = json_text(json_get(open, "op"), "");
    int error = -EPROTO;
    if (strcmp(op, "run") == 0)
        error = start(stream, JOB_CONTAINER, open, &failure);
    else if (strcmp(op, "exec") == 0)
        error = start(stream, JOB_EXEC, open, &failure);
    else if (strcmp(op, "run-host") == 0)
        error = start(stream, JOB_HOST, open, &failure);
    else if (strcmp(op, "attach") == 0)
        error = attach(stream, open, &failure);
    else
        return -EPROTO;
    if (error < 0) {
        log_line("%s: %s", op, failure.message);
        send_failed(stream, &failure);
        stream_finish(stream);
    }
    return 0;
}
