using System.Globalization;

namespace JitGrains.Bench;

/// <summary>Durations of one kind, in milliseconds.</summary>
internal sealed class Figures
{
    private readonly List<double> values = [];

    public int Count => values.Count;

    public double P50 => At(0.50);

    public double P99 => At(0.99);

    public void Add(TimeSpan time) => values.Add(time.TotalMilliseconds);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count} | {P50:0.00} ms | {P99:0.00} ms");

    private double At(double share) => values.Count == 0 ? double.NaN : values.Order().ElementAt(Math.Min(values.Count - 1, (int)(values.Count * share)));
}
