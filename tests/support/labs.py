"""What stands in a lab's place, and what it is told."""


def quiet(share):
    pass


class Asked:
    """In a lab's place: it remembers what it is asked for and answers as it is told."""

    device = "cpu"

    def __init__(self, answer):
        self.answer, self.tasks = answer, []

    def run(self, tasks):
        self.tasks += tasks
        return [[self.answer(task, seed) for seed in task.seeds] for task in tasks]
