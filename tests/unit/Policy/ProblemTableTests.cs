using System.Text.RegularExpressions;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>
/// Files with everything wrong that can be: behind each line stands what must be said of it, <c>#!</c> for an error and
/// <c>#?</c> for a warning, as the problem's text or a part of it. Nothing else may be said.
/// </summary>
public partial class ProblemTableTests
{
    public static TheoryData<string> Tables() =>
        [.. Directory.EnumerateFiles(Files.PathTo("tests/unit/Policy/Data/problems")).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Tables))]
    public void Every_problem_is_reported_at_once_and_in_its_place(string file)
    {
        var text = Files.Read($"tests/unit/Policy/Data/problems/{file}");
        var result = Given.Load(text);
        var unexpected = result.Problems.ToList();
        var missing = new List<string>();
        foreach (var (line, severity, fragment) in Expected(text))
        {
            var found = unexpected.FindIndex(p => p.Line == line && p.Severity == severity && $"{p.Path}: {p.Message}".Contains(fragment, StringComparison.Ordinal));
            if (found < 0)
                missing.Add($"{line}: {severity}: {fragment}");
            else
                unexpected.RemoveAt(found);
        }

        Assert.True(missing.Count + unexpected.Count == 0, $"missing:\n{string.Join('\n', missing)}\nunexpected:\n{string.Join('\n', unexpected)}");
        Assert.Equal(result.Problems.Any(p => p.Severity == PolicyProblemSeverity.Error), result.Policy is null);
    }

    private static IEnumerable<(int Line, PolicyProblemSeverity Severity, string Fragment)> Expected(string text) =>
        text.Split('\n').SelectMany((line, i) => Marker().Matches(line).Select(m => (
            i + 1,
            m.Groups["severity"].Value == "!" ? PolicyProblemSeverity.Error : PolicyProblemSeverity.Warning,
            m.Groups["text"].Value.Trim())));

    [GeneratedRegex(@"#(?<severity>[!?]) (?<text>.*?)(?= #[!?] |$)", RegexOptions.CultureInvariant)]
    private static partial Regex Marker();
}
