using System.Collections.Immutable;

namespace JitGrains.Policy.Yaml;

/// <summary>Gathers problems: as many as a person can use, not as many as a hostile file can cause.</summary>
internal sealed class ProblemSink
{
    public const int Most = 200;

    private readonly List<PolicyProblem> problems = [];
    private readonly HashSet<PolicyProblem> seen = [];

    public bool HasErrors { get; private set; }

    public void Error(SourcePlace place, string path, string message)
    {
        HasErrors = true;
        Add(new PolicyProblem(PolicyProblemSeverity.Error, place, path, message));
    }

    public void Warning(SourcePlace place, string path, string message) =>
        Add(new PolicyProblem(PolicyProblemSeverity.Warning, place, path, message));

    /// <summary>By severity's place in the files.</summary>
    public ImmutableArray<PolicyProblem> ToImmutable() =>
        [.. problems.OrderBy(p => p.File, StringComparer.Ordinal).ThenBy(p => p.Line).ThenBy(p => p.Column)];

    private void Add(PolicyProblem problem)
    {
        // A node that several aliases share is reported once.
        if (problems.Count > Most || !seen.Add(problem))
            return;
        problems.Add(problems.Count < Most ? problem : new PolicyProblem(PolicyProblemSeverity.Warning, problem.Place, "", $"there are more problems than these {Most}"));
    }
}
