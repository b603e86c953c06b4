-- workspace.db: the target as it was before the consolidation. 27 tables, grown over the years.
PRAGMA user_version = 12;

CREATE TABLE architecture_components (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL COLLATE NOCASE UNIQUE,
    layer       TEXT NOT NULL CHECK (layer IN ('core', 'service', 'adapter', 'tool')),
    path        TEXT NOT NULL,
    description TEXT,
    is_active   BOOLEAN NOT NULL DEFAULT 1,
    created_at  TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE workspace_tasks (
    id             TEXT PRIMARY KEY,
    title          TEXT NOT NULL,
    description    TEXT,
    status         TEXT NOT NULL DEFAULT 'todo' CHECK (status IN ('todo', 'in_progress', 'blocked', 'done')),
    priority       TEXT NOT NULL DEFAULT 'medium',
    component_id   INTEGER REFERENCES architecture_components (id) ON DELETE SET NULL,
    tags           TEXT,
    estimate_hours REAL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT
);
CREATE INDEX idx_tasks_status ON workspace_tasks (status);
CREATE INDEX idx_tasks_priority ON workspace_tasks (priority);
CREATE TRIGGER workspace_tasks_touch AFTER UPDATE OF status ON workspace_tasks
BEGIN
    UPDATE workspace_tasks SET updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = NEW.id;
END;
CREATE VIEW open_workspace_tasks AS
    SELECT id, title, priority FROM workspace_tasks WHERE status <> 'done';

CREATE TABLE code_component_mappings (
    file_path    TEXT NOT NULL,
    component_id INTEGER NOT NULL REFERENCES architecture_components (id) ON DELETE CASCADE,
    confidence   REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    mapped_by    TEXT NOT NULL DEFAULT 'scanner',
    mapped_at    TEXT NOT NULL,
    PRIMARY KEY (file_path, component_id)
) WITHOUT ROWID;
CREATE INDEX idx_mappings_component ON code_component_mappings (component_id);

CREATE TABLE unregistered_files (
    path       TEXT NOT NULL UNIQUE,
    size       INTEGER NOT NULL,
    sha256     BLOB,
    first_seen FLOAT NOT NULL,
    note       TEXT
);
CREATE INDEX idx_unregistered_large ON unregistered_files (size) WHERE size > 65536;

CREATE TABLE bastard_reports (
    report_type  TEXT NOT NULL,
    body         TEXT NOT NULL,
    score        REAL,
    generated_at DATETIME NOT NULL
);
CREATE TABLE cross_repo_issues (
    id           TEXT PRIMARY KEY,
    repo         TEXT NOT NULL,
    issue_number INTEGER NOT NULL,
    title        TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'open',
    labels       TEXT,
    UNIQUE (repo, issue_number)
);
CREATE TABLE workspace_sessions (
    id         TEXT PRIMARY KEY,
    agent      TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    summary    TEXT
);
CREATE TABLE work_contexts (
    id         INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES workspace_sessions (id),
    task_id    TEXT REFERENCES workspace_tasks (id),
    state      TEXT NOT NULL,
    is_active  INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX idx_one_active_context ON work_contexts (is_active) WHERE is_active = 1;
CREATE TABLE session_activities (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id  TEXT NOT NULL REFERENCES workspace_sessions (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    detail      TEXT,
    occurred_at FLOAT NOT NULL
);
CREATE TABLE architecture_decisions (
    id           TEXT PRIMARY KEY,
    title        TEXT NOT NULL,
    status       TEXT NOT NULL,
    context      TEXT NOT NULL,
    decision     TEXT NOT NULL,
    consequences TEXT,
    supersedes   TEXT REFERENCES architecture_decisions (id),
    decided_on   DATE NOT NULL
);

CREATE TABLE architecture_states (
    id INTEGER PRIMARY KEY, component_id INTEGER NOT NULL REFERENCES architecture_components (id),
    state TEXT NOT NULL, recorded_at TEXT NOT NULL
);
CREATE TABLE architecture_states_old (id INTEGER, component TEXT, state TEXT, recorded_at TEXT);
CREATE TABLE drift_scans (id INTEGER PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT, files_seen INTEGER);
CREATE TABLE drift_detections (
    id INTEGER PRIMARY KEY, scan_id INTEGER NOT NULL REFERENCES drift_scans (id) ON DELETE CASCADE,
    path TEXT NOT NULL, severity TEXT NOT NULL, detail TEXT
);
CREATE TABLE context_switches (
    id INTEGER PRIMARY KEY, from_context INTEGER REFERENCES work_contexts (id),
    to_context INTEGER NOT NULL REFERENCES work_contexts (id), switched_at FLOAT NOT NULL
);
CREATE TABLE configuration_snapshots (id TEXT PRIMARY KEY, taken_at TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE configuration_changes (
    id INTEGER PRIMARY KEY, snapshot_id TEXT NOT NULL REFERENCES configuration_snapshots (id),
    key TEXT NOT NULL, old_value TEXT, new_value TEXT
);
CREATE TABLE session_decisions (
    id INTEGER PRIMARY KEY, session_id TEXT NOT NULL REFERENCES workspace_sessions (id), decision TEXT NOT NULL
);
CREATE TABLE session_issues (
    id INTEGER PRIMARY KEY, session_id TEXT NOT NULL REFERENCES workspace_sessions (id),
    issue_id TEXT REFERENCES cross_repo_issues (id), note TEXT
);
CREATE TABLE component_placements (
    component_id INTEGER PRIMARY KEY REFERENCES architecture_components (id), x REAL NOT NULL, y REAL NOT NULL
);
CREATE TABLE architecture_tasks (
    decision_id TEXT NOT NULL REFERENCES architecture_decisions (id),
    task_id TEXT NOT NULL REFERENCES workspace_tasks (id), PRIMARY KEY (decision_id, task_id)
) WITHOUT ROWID;
CREATE TABLE workflows (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL);
CREATE TABLE workflow_stages (
    workflow_id TEXT NOT NULL REFERENCES workflows (id) ON DELETE CASCADE, position INTEGER NOT NULL,
    name TEXT NOT NULL, PRIMARY KEY (workflow_id, position)
);
CREATE TABLE import_rules (id INTEGER PRIMARY KEY, importer TEXT NOT NULL, imported TEXT NOT NULL, allowed INTEGER);
CREATE TABLE violations (
    id INTEGER PRIMARY KEY, rule_id INTEGER NOT NULL REFERENCES import_rules (id), path TEXT NOT NULL, line INTEGER
);
CREATE INDEX idx_violations_path ON violations (path, line);
CREATE TABLE scale_tiers (name TEXT PRIMARY KEY, max_components INTEGER NOT NULL, max_files INTEGER NOT NULL);
CREATE TABLE code_changes (
    commit_id TEXT NOT NULL, path TEXT NOT NULL, added INTEGER, removed INTEGER, committed_at TEXT
);
CREATE INDEX idx_code_changes_path ON code_changes (lower(path));
