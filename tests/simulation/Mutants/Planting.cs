namespace JitGrains.Simulation.Mutants;

/// <summary>Puts all mutants into a copy of the sources. One build of it holds them all, each switched on by name.</summary>
internal static class Planting
{
    private const string Switch =
        """
        namespace JitGrains;

        /// <summary>Which deliberate bug is switched on.</summary>
        public static class Mutant
        {
            /// <summary>Its name, or null.</summary>
            public static string? On { get; set; } = System.Environment.GetEnvironmentVariable("JITGRAINS_MUTANT");

            /// <summary>Whether it is this one.</summary>
            public static bool Is(string name) => On == name;
        }

        """;

    /// <summary>Every edit whose place is not where it should be, in the sources under this folder.</summary>
    public static IReadOnlyList<string> Misplaced(string folder)
    {
        var problems = new List<string>();
        foreach (var mutant in AllMutants.List)
        {
            foreach (var edit in mutant.Edits)
            {
                var count = Text(folder, edit.File).Split(edit.Find).Length - 1;
                if (count != 1)
                    problems.Add($"{mutant.Name}: {edit.File} has it {count} times: {edit.Find}");
            }
        }

        return problems;
    }

    public static int Plant(string folder)
    {
        if (Misplaced(folder) is { Count: > 0 } problems)
        {
            foreach (var problem in problems)
                Console.Error.WriteLine(problem);
            return 1;
        }

        foreach (var mutant in AllMutants.List)
        {
            foreach (var edit in mutant.Edits)
            {
                var text = Text(folder, edit.File);
                if (!text.Contains(edit.Find, StringComparison.Ordinal))
                    throw new InvalidOperationException($"{mutant.Name}: another mutant has changed the same place of {edit.File}");
                File.WriteAllText(Path.Combine(folder, edit.File), text.Replace(edit.Find, mutant.Put(edit), StringComparison.Ordinal));
            }
        }

        File.WriteAllText(Path.Combine(folder, "grains", "Mutant.cs"), Switch);
        Console.WriteLine($"{AllMutants.List.Length} mutants planted");
        return 0;
    }

    private static string Text(string folder, string file) =>
        Path.Combine(folder, file) is var path && File.Exists(path) ? File.ReadAllText(path) : "";
}
