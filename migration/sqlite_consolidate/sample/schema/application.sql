-- The application's schema, 24 tables: each of its databases has all of them and uses one or two.
PRAGMA user_version = 7;

CREATE TABLE orchestration_tasks (
    id VARCHAR(255) NOT NULL, name VARCHAR(500) NOT NULL, task_type VARCHAR(255), status VARCHAR(50) NOT NULL,
    payload TEXT, created_at FLOAT NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX idx_orchestration_tasks_status ON orchestration_tasks (status);
CREATE TABLE agent_allocations (
    id VARCHAR(255) NOT NULL, agent_id VARCHAR(255) NOT NULL, task_id VARCHAR(255) NOT NULL, allocated_at FLOAT NOT NULL,
    released_at FLOAT, PRIMARY KEY (id), FOREIGN KEY (task_id) REFERENCES orchestration_tasks (id)
);
CREATE TABLE agent_performance (
    agent_id VARCHAR(255) NOT NULL, task_type VARCHAR(255) NOT NULL, successes INTEGER DEFAULT 0,
    failures INTEGER DEFAULT 0, average_seconds FLOAT, PRIMARY KEY (agent_id, task_type)
);
CREATE TABLE agent_workload (
    agent_id VARCHAR(255) NOT NULL, running INTEGER DEFAULT 0, capacity INTEGER NOT NULL, PRIMARY KEY (agent_id)
);
CREATE TABLE agent_history (
    id INTEGER NOT NULL, agent_id VARCHAR(255) NOT NULL, event VARCHAR(100) NOT NULL, at FLOAT NOT NULL, PRIMARY KEY (id)
);
CREATE TABLE task_type_history (
    id INTEGER NOT NULL, task_type VARCHAR(255) NOT NULL, outcome VARCHAR(50), at FLOAT NOT NULL, PRIMARY KEY (id)
);
CREATE TABLE preflight_checks (
    id VARCHAR(255) NOT NULL, task_id VARCHAR(255), name VARCHAR(255) NOT NULL, passed BOOLEAN, detail TEXT,
    PRIMARY KEY (id)
);
CREATE TABLE task_history (
    id INTEGER NOT NULL, task_id VARCHAR(255) NOT NULL, old_status VARCHAR(100), new_status VARCHAR(100) NOT NULL,
    changed_at VARCHAR(100) NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX idx_task_history_task_id ON task_history (task_id);

-- dry_run was added later, so it stands last here and not where the plan has it.
CREATE TABLE orchestration_decisions (
    id VARCHAR(255) NOT NULL,
    timestamp FLOAT NOT NULL,
    task_id VARCHAR(255) NOT NULL,
    agent_id VARCHAR(255),
    task_type VARCHAR(255),
    success INTEGER,
    failure_reason TEXT,
    tokens_used INTEGER,
    duration_seconds FLOAT,
    decision_process TEXT,
    metadata TEXT,
    dry_run INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
);
CREATE INDEX idx_decisions_timestamp ON orchestration_decisions (timestamp);
CREATE INDEX idx_decisions_task_id ON orchestration_decisions (task_id);
CREATE INDEX idx_decisions_agent_id ON orchestration_decisions (agent_id);
CREATE INDEX idx_decisions_task_type ON orchestration_decisions (task_type);
CREATE INDEX idx_decisions_success ON orchestration_decisions (success);
CREATE INDEX idx_decisions_dry_run ON orchestration_decisions (dry_run);

CREATE TABLE proposals (
    id VARCHAR(255) NOT NULL,
    hypothesis TEXT NOT NULL,
    rationale TEXT NOT NULL,
    pattern_id VARCHAR(255),
    performance_data TEXT,
    implementation_result TEXT,
    metadata TEXT,
    status VARCHAR(50) NOT NULL,
    created_at FLOAT NOT NULL,
    reviewed_at FLOAT,
    implemented_at FLOAT,
    review_notes TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX idx_proposals_status ON proposals (status);
CREATE INDEX idx_proposals_created_at ON proposals (created_at);

CREATE TABLE learning_proposals (
    id VARCHAR(255) NOT NULL, proposal_id VARCHAR(255), lesson TEXT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (proposal_id) REFERENCES proposals (id)
);
CREATE TABLE task_completions (
    task_id VARCHAR(255) NOT NULL, completed_at FLOAT NOT NULL, result TEXT, PRIMARY KEY (task_id)
);
CREATE TABLE voting_sessions (
    id VARCHAR(255) NOT NULL, question TEXT NOT NULL, opened_at FLOAT NOT NULL, closed_at FLOAT, PRIMARY KEY (id)
);
CREATE TABLE vote_records (
    session_id VARCHAR(255) NOT NULL, voter VARCHAR(255) NOT NULL, vote VARCHAR(50) NOT NULL, weight FLOAT DEFAULT 1.0,
    PRIMARY KEY (session_id, voter), FOREIGN KEY (session_id) REFERENCES voting_sessions (id) ON DELETE CASCADE
);
CREATE TABLE model_configurations (
    id VARCHAR(255) NOT NULL, model VARCHAR(255) NOT NULL, parameters TEXT, PRIMARY KEY (id), UNIQUE (model, parameters)
);
CREATE TABLE model_detections (
    id INTEGER NOT NULL, configuration_id VARCHAR(255), detected_at FLOAT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (configuration_id) REFERENCES model_configurations (id)
);

CREATE TABLE tasks (
    id VARCHAR(255) NOT NULL,
    title VARCHAR(500) NOT NULL,
    description TEXT,
    status VARCHAR(100) NOT NULL,
    priority VARCHAR(50) NOT NULL,
    capability_required VARCHAR(255),
    estimated_tokens INTEGER,
    tags TEXT,
    dependencies TEXT,
    failures TEXT,
    metadata TEXT,
    file VARCHAR(500),
    created_by VARCHAR(255),
    created_at VARCHAR(100),
    updated_at VARCHAR(100),
    version INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX idx_tasks_status ON tasks (status);
CREATE INDEX idx_tasks_priority ON tasks (priority);
CREATE INDEX idx_tasks_tags ON tasks (tags);
CREATE INDEX idx_tasks_updated_at ON tasks (updated_at);
CREATE INDEX idx_tasks_capability_required ON tasks (capability_required);

CREATE TABLE task_queue_metadata (
    key VARCHAR(255) NOT NULL,
    value TEXT NOT NULL,
    updated_at VARCHAR(100) NOT NULL,
    PRIMARY KEY (key)
);
CREATE INDEX idx_task_queue_metadata_updated_at ON task_queue_metadata (updated_at);

CREATE TABLE task_executions (
    id VARCHAR(255) NOT NULL, task_id VARCHAR(255) NOT NULL, started_at FLOAT NOT NULL, finished_at FLOAT, output TEXT,
    PRIMARY KEY (id), FOREIGN KEY (task_id) REFERENCES tasks (id)
);
CREATE TABLE decision_edges (
    from_decision VARCHAR(255) NOT NULL, to_decision VARCHAR(255) NOT NULL, kind VARCHAR(50),
    PRIMARY KEY (from_decision, to_decision),
    FOREIGN KEY (from_decision) REFERENCES orchestration_decisions (id),
    FOREIGN KEY (to_decision) REFERENCES orchestration_decisions (id)
);
CREATE TABLE configuration_performance (
    configuration_id VARCHAR(255) NOT NULL, metric VARCHAR(100) NOT NULL, value FLOAT,
    PRIMARY KEY (configuration_id, metric)
);
CREATE TABLE review_sessions (
    id VARCHAR(255) NOT NULL, subject VARCHAR(500) NOT NULL, opened_at FLOAT NOT NULL, PRIMARY KEY (id)
);
CREATE TABLE review_issues (
    id INTEGER NOT NULL, session_id VARCHAR(255) NOT NULL, severity VARCHAR(50), text TEXT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (session_id) REFERENCES review_sessions (id) ON DELETE CASCADE
);
CREATE TABLE ai_reviews (
    id VARCHAR(255) NOT NULL, session_id VARCHAR(255), model VARCHAR(255) NOT NULL, verdict TEXT, score FLOAT,
    PRIMARY KEY (id), FOREIGN KEY (session_id) REFERENCES review_sessions (id)
);
