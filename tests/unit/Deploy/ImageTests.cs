using System.Text.RegularExpressions;

namespace JitGrains.UnitTests.Deploy;

/// <summary>What of the image can be known without building it.</summary>
public sealed class ImageTests
{
    private static readonly string Dockerfile = Site.Read("Dockerfile");

    [Fact]
    public void It_is_published_as_the_documentation_says()
    {
        var publish = Regex.Match(Dockerfile, @"(?m)^RUN (dotnet publish .*?) -o /app \$OPTIONS$").Groups[1].Value;
        Assert.NotEqual("", publish);
        Assert.Contains($"`{publish}`", File.ReadAllText(Path.Combine(Site.Root, "docs", "operations.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void It_starts_the_program_that_is_published_and_as_nobody_special()
    {
        var project = Path.Combine(Site.Root, "gateway", "JitGrains.Gateway.csproj");
        Assert.DoesNotContain("AssemblyName", File.ReadAllText(project), StringComparison.Ordinal);
        Assert.EndsWith($"ENTRYPOINT [\"/app/{Path.GetFileNameWithoutExtension(project)}\"]\n", Dockerfile, StringComparison.Ordinal);
        Assert.Contains("\nUSER $APP_UID\n", Dockerfile, StringComparison.Ordinal);
    }

    [Fact]
    public void What_it_is_built_from_gets_into_the_build()
    {
        var taken = File.ReadLines(Path.Combine(Site.Root, ".dockerignore")).Where(l => l.StartsWith('!')).Select(l => l[1..]).ToHashSet(StringComparer.Ordinal);
        Assert.All(taken, t => Assert.True(Path.Exists(Path.Combine(Site.Root, t)), t));
        var projects = new Stack<string>([Path.Combine(Site.Root, "gateway", "JitGrains.Gateway.csproj")]);
        while (projects.TryPop(out var project))
        {
            Assert.Contains(Path.GetRelativePath(Site.Root, project).Split('/')[0], taken);
            foreach (Match reference in Regex.Matches(File.ReadAllText(project), "<ProjectReference Include=\"([^\"]+)\""))
                projects.Push(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, reference.Groups[1].Value)));
        }
    }
}
