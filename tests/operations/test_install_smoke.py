from donkeytui.operations.apply import apply_plan
from donkeytui.operations.changes import Changes, plan_changes
from tests.support.builders import tree


def test_install_brings_what_the_plugin_needs(publish, in_session, project):
    publish("users", "1.2.0")
    publish("auth", "2.0.0", needs={"users": "^1.0.0"})

    async def install(session):
        plan = await plan_changes(session, Changes(install=("auth",)))
        return plan, await apply_plan(session, plan)

    plan, report = in_session(install)

    assert [(step.kind, step.name, step.after) for step in plan.changes] == [
        ("install", "auth", "2.0.0"),
        ("install", "users", "1.2.0"),
    ]
    assert "src/server/plugins/users/index.ts" in tree(project)
    assert report.next_steps.registrations[0].name == "users"
