using System.Collections.Frozen;
using System.Globalization;

namespace JitGrains.Unicode;

/// <summary>The parts of the Unicode character database that normalization needs; read once from the embedded table.</summary>
internal sealed class UnicodeTable
{
    private static readonly Lazy<UnicodeTable> Loaded = new(Load);

    private readonly FrozenDictionary<int, int> _classes;
    private readonly FrozenDictionary<int, int[]> _canonical;
    private readonly FrozenDictionary<int, int[]> _compatibility;
    private readonly FrozenDictionary<(int, int), int> _composites;

    private UnicodeTable(
        Dictionary<int, int> classes, Dictionary<int, int[]> canonical, Dictionary<int, int[]> compatibility, Dictionary<(int, int), int> composites)
    {
        _classes = classes.ToFrozenDictionary();
        _canonical = canonical.ToFrozenDictionary();
        _compatibility = compatibility.ToFrozenDictionary();
        _composites = composites.ToFrozenDictionary();
    }

    public static UnicodeTable Instance => Loaded.Value;

    /// <summary>The canonical combining class; 0 for starters.</summary>
    public int ClassOf(int point) => _classes.GetValueOrDefault(point);

    /// <summary>One step of decomposition, or null where there is none.</summary>
    public int[]? PartsOf(int point, bool compatibility) =>
        _canonical.GetValueOrDefault(point) ?? (compatibility ? _compatibility.GetValueOrDefault(point) : null);

    /// <summary>The primary composite of two code points, or null.</summary>
    public int? CompositeOf(int first, int second) => _composites.TryGetValue((first, second), out var composite) ? composite : null;

    private static UnicodeTable Load()
    {
        var classes = new Dictionary<int, int>();
        var canonical = new Dictionary<int, int[]>();
        var compatibility = new Dictionary<int, int[]>();
        var composites = new Dictionary<(int, int), int>();
        using var stream = typeof(UnicodeTable).Assembly.GetManifestResourceStream("JitGrains.Unicode.unicode-forms.txt")
            ?? throw new InvalidOperationException("the assembly lacks its Unicode table");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            var fields = line.Split(' ');
            if (fields[0] == "c")
            {
                var range = fields[2].Split('-');
                for (var point = Hex(range[0]); point <= Hex(range[^1]); point++)
                    classes[point] = int.Parse(fields[1], CultureInfo.InvariantCulture);
                continue;
            }

            var code = Hex(fields[1]);
            var parts = fields.Skip(2).Select(Hex).ToArray();
            (fields[0] == "k" ? compatibility : canonical)[code] = parts;
            if (fields[0] == "p")
                composites[(parts[0], parts[1])] = code;
        }

        return new UnicodeTable(classes, canonical, compatibility, composites);
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
